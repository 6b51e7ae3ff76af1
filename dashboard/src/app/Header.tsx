// The bar on top: where one is, what is urgent, how fresh the numbers are, and how they are shown.

import { Menu, Popover } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, NavLink } from "react-router";
import { reads } from "~/api/reads";
import { tabs } from "~/logic/tabs";
import { Choice } from "~/parts/Filters";
import { Icon } from "~/parts/Icon";
import { Caller } from "./Caller";
import { afterPaint } from "./after-paint";
import { usePreferences, type Theme } from "./preferences";
import { useRefresh } from "./refresh";
import { useFormat } from "./use-format";
import type { Language, Zone } from "~/logic/format";
import { useTranslation } from "~/text";

export const INTERVALS = [0, 5, 10, 30, 60, 300];

/** On a telephone the short one. */
const Short = ({ long, short }: { long: string; short: string }) => <><span className="wide">{long}</span><span className="narrow">{short}</span></>;

function Tabs() {
  const { t } = useTranslation();
  const alerts = useQuery(reads.alerts()).data;
  const summary = useQuery(reads.summary()).data;
  return (
    <nav className="tabs" aria-label={t("tab.all")}>
      {tabs({ alerts, summary }).map(({ to, label, short, count }) => (
        <NavLink key={to} to={to} end={to === "/"} className="tab">
          {short ? <Short long={t(label)} short={t(short)} /> : t(label)}
          {count ? <span className={`count count-${count.tone}`}><Short long={count.long} short={count.short} /></span> : null}
        </NavLink>
      ))}
    </nav>
  );
}

function RefreshControl() {
  const { t } = useTranslation();
  const { now, change } = usePreferences();
  const { again, updatedAt, isLate, waits, isFetching } = useRefresh();
  const format = useFormat();
  const label = (interval: number) => (interval ? t("refresh.every", { interval: format.duration(interval) }) : t("refresh.off"));
  return (
    <>
      <span className={`updated${isLate ? " warning" : ""}`} title={isLate ? t("refresh.late") : waits ? t(`refresh.waits.${waits}`) : label(now.intervalSeconds)}>
        {isLate ? <><Icon name="warning" size={11} /><span className="sr">{t("refresh.late")}</span></> : waits && waits !== "off" ? <Icon name="pause" size={11} /> : null} <span className="updated-word">{t("refresh.updated")}</span>{" "}
        <span data-testid="updated">{updatedAt ? format.clock(updatedAt) : "–"}</span>
      </span>
      <button type="button" className="plain" onClick={again} aria-label={t("refresh.again")} title={`${t("refresh.again")} (r)`} aria-busy={isFetching}>
        <Icon name="refresh" />
      </button>
      <Menu position="bottom-end">
        <Menu.Target>
          <button type="button" className="plain" aria-label={`${t("refresh.interval")}: ${now.intervalSeconds ? format.duration(now.intervalSeconds) : t("refresh.off.short")}`}>
            {now.intervalSeconds ? format.duration(now.intervalSeconds) : t("refresh.off.short")}
            <Icon name="down" size={11} />
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          {INTERVALS.map((interval) => (
            <Menu.Item key={interval} onClick={() => change({ intervalSeconds: interval })} leftSection={interval === now.intervalSeconds ? <Icon name="check" size={13} /> : <span style={{ width: 13 }} />}>
              {label(interval)}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

function Settings() {
  const { t } = useTranslation();
  const { now, change } = usePreferences();
  const [language, setLanguage] = useState<string>(now.language);
  const choose = (value: string) => {
    setLanguage(value); // the choice answers at once; every text of the page follows
    afterPaint(() => change({ language: value as Language }));
  };
  const themes: Theme[] = ["system", "light", "dark"];
  const zones: { value: Zone; label: string }[] = [
    { value: "local", label: t("zone.local") },
    { value: "UTC", label: "UTC" },
    { value: "Asia/Seoul", label: "KST" },
  ];
  return (
    <Popover position="bottom-end" width={300} trapFocus returnFocus>
      <Popover.Target>
        <button type="button" className="plain" aria-label={t("settings.title")} title={t("settings.title")}>
          <Icon name="settings" />
        </button>
      </Popover.Target>
      <Popover.Dropdown className="settings">
        <div className="menu-line">
          <span>{t("settings.language")}</span>
          <Choice label={t("settings.language")} value={language} onChange={choose} options={[{ value: "en", label: "English" }, { value: "ko", label: "한국어" }]} />
        </div>
        <div className="menu-line">
          <span>{t("settings.theme")}</span>
          <Choice label={t("settings.theme")} value={now.theme} onChange={(value) => change({ theme: value as Theme })} options={themes.map((value) => ({ value, label: t(`theme.${value}`) }))} />
        </div>
        <div className="menu-line">
          <span>{t("settings.zone")}</span>
          <Choice label={t("settings.zone")} value={now.zone} onChange={(value) => change({ zone: value as Zone })} options={zones} />
        </div>
        <div className="menu-line"><a href="./docs">{t("settings.docs")}</a></div>
      </Popover.Dropdown>
    </Popover>
  );
}

export function Header({ help }: { help: () => void }) {
  const { t } = useTranslation();
  return (
    <header className="top">
      <div className="top-line">
        <Link to="/" className="brand" aria-label={t("title")}>
          <span className="logo" />
          <span className="brand-word">{t("title")}</span>
        </Link>
        <Tabs />
        <div className="tools">
          <Caller />
          <RefreshControl />
          <Settings />
          <button type="button" className="plain" onClick={help} aria-label={t("help.title")} title={`${t("help.title")} (?)`}>
            <Icon name="help" />
          </button>
        </div>
      </div>
    </header>
  );
}
