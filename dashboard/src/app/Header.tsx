// The bar on top: where one is, what is urgent, how fresh the numbers are, and how they are shown.

import { Menu } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link, NavLink } from "react-router";
import { reads } from "~/api/reads";
import { Choice } from "~/parts/Filters";
import { Icon } from "~/parts/Icon";
import { Caller } from "./Caller";
import { usePreferences, type Theme } from "./preferences";
import { useRefresh } from "./refresh";
import { useFormat } from "./use-format";
import type { Language, Zone } from "~/logic/format";

export const INTERVALS = [0, 5, 10, 30, 60, 300];

/** On a telephone the short one. */
const Short = ({ long, short }: { long: string; short: string }) => <><span className="wide">{long}</span><span className="narrow">{short}</span></>;

function Tabs() {
  const { t } = useTranslation();
  const format = useFormat();
  const alerts = useQuery(reads.alerts()).data;
  const summary = useQuery(reads.summary()).data;
  const critical = alerts?.alerts.some((alert) => alert.severity === "critical" && alert.status === "firing");
  const tabs = [
    { to: "/", label: t("tab.overview"), end: true },
    { to: "/alerts", label: t("tab.alerts"), count: alerts?.total, tone: critical ? "critical" : "warning" },
    { to: "/integrity", label: t("tab.integrity"), count: summary?.unhealthy_projects ?? undefined, tone: "critical" },
    { to: "/performance", label: <Short long={t("tab.performance")} short={t("tab.performance.short")} /> },
    { to: "/jobs", label: <Short long={t("tab.jobs")} short={t("tab.jobs.short")} /> },
  ];
  return (
    <nav className="tabs" aria-label={t("tab.all")}>
      {tabs.map((tab) => (
        <NavLink key={tab.to} to={tab.to} end={tab.end} className="tab">
          {tab.label}
          {tab.count ? <span className={`count count-${tab.tone}`}><Short long={format.count(tab.count)} short={tab.count < 1000 ? String(tab.count) : `${Math.floor(tab.count / 1000)}k`} /></span> : null}
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
  const themes: Theme[] = ["system", "light", "dark"];
  const zones: { value: Zone; label: string }[] = [
    { value: "local", label: t("zone.local") },
    { value: "UTC", label: "UTC" },
    { value: "Asia/Seoul", label: "KST" },
  ];
  return (
    <Menu position="bottom-end" width={300} closeOnItemClick={false}>
      <Menu.Target>
        <button type="button" className="plain" aria-label={t("settings.title")} title={t("settings.title")}>
          <Icon name="settings" />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <div className="menu-line">
          <span>{t("settings.language")}</span>
          <Choice label={t("settings.language")} value={now.language} onChange={(value) => change({ language: value as Language })} options={[{ value: "en", label: "English" }, { value: "ko", label: "한국어" }]} />
        </div>
        <div className="menu-line">
          <span>{t("settings.theme")}</span>
          <Choice label={t("settings.theme")} value={now.theme} onChange={(value) => change({ theme: value as Theme })} options={themes.map((value) => ({ value, label: t(`theme.${value}`) }))} />
        </div>
        <div className="menu-line">
          <span>{t("settings.zone")}</span>
          <Choice label={t("settings.zone")} value={now.zone} onChange={(value) => change({ zone: value as Zone })} options={zones} />
        </div>
        <Menu.Divider />
        <Menu.Item component="a" href="./docs">{t("settings.docs")}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

export function Header({ help }: { help: () => void }) {
  const { t } = useTranslation();
  return (
    <header className="top">
      <div className="top-line">
        <Link to="/" className="brand" aria-label={t("title")}>
          <img src="./static/favicon.svg" width="20" height="20" alt="" />
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
