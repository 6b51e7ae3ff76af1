// The frame of every page: header, what is wrong with the connection, the page itself, help, and the title of the window.

import { Modal } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Suspense, useEffect, useMemo, useRef, useState } from "react";
import { Outlet, useLocation } from "react-router";
import { ApiError } from "~/api/client";
import { reads } from "~/api/reads";
import { original } from "~/logic/sentences";
import { Bones } from "~/parts/Answer";
import { PageFailed } from "~/pages/NotFound";
import { Guard } from "~/parts/Guard";
import { Icon } from "~/parts/Icon";
import { useTranslation } from "~/text";
import { badge, windowTitle } from "./badge";
import { Header } from "./Header";
import { useKeyboard } from "./keyboard";
import { useAgain } from "./refresh";
import { useStream } from "./stream";
import { useFormat } from "./use-format";

function Connection() {
  const { t } = useTranslation();
  const format = useFormat();
  const summary = useQuery(reads.summary());
  const error = summary.error;
  if (summary.data?.monitoring_enabled === false) {
    return <p className="banner" role="status"><Icon name="pause" />{t("banner.switched_off")}</p>;
  }
  if (!(error instanceof ApiError)) return null;
  const lost = error.status === 0;
  const since = summary.data ? t("banner.since", { at: format.clock(summary.dataUpdatedAt) }) : "";
  return (
    <p className={`banner${lost ? " banner-critical" : ""}`} role="status">
      <Icon name={lost ? "away" : "pending"} />
      {t(lost ? "banner.lost" : error.code === "recovering" ? "banner.recovering" : "banner.trouble", { detail: original(error.message) })} {since}
    </p>
  );
}

const KEYS: [string[], "help.go.o" | "help.go.a" | "help.go.i" | "help.go.p" | "help.go.j" | "help.search" | "help.refresh" | "help.help" | "help.close"][] = [
  [["g", "o"], "help.go.o"],
  [["g", "a"], "help.go.a"],
  [["g", "i"], "help.go.i"],
  [["g", "p"], "help.go.p"],
  [["g", "j"], "help.go.j"],
  [["/"], "help.search"],
  [["r"], "help.refresh"],
  [["?"], "help.help"],
  [["Esc"], "help.close"],
];

function Help({ close }: { close: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal opened onClose={close} title={t("help.title")} closeButtonProps={{ "aria-label": t("act.close") }}>
      <dl className="facts">
        {KEYS.map(([keys, text]) => (
          <div key={text} style={{ display: "contents" }}>
            <dt>{keys.map((key) => <kbd key={key} className="key">{key}</kbd>)}</dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}

function useBadge(at: { pathname: string; search: string }): void {
  const { t } = useTranslation();
  const alerts = useQuery(reads.alerts()).data;
  const firing = alerts?.alerts.filter((alert) => alert.status === "firing");
  const critical = firing?.some((alert) => alert.severity === "critical") ?? false;
  const many = firing?.length ?? 0;
  const title = windowTitle(many, at, t);
  useEffect(() => void (document.title = title), [title]);
  useEffect(() => badge(many, critical), [many, critical]);
}

export function Shell() {
  const { t } = useTranslation();
  const [helps, setHelps] = useState(false);
  const { again } = useAgain();
  const { pathname, search } = useLocation();
  useKeyboard(useMemo(() => ({ help: () => setHelps(true), again }), [again]));
  useBadge({ pathname, search });
  useStream();
  const seen = useRef(pathname); // a person may have scrolled before the page took its first view over
  useEffect(() => {
    if (seen.current !== pathname) void window.scrollTo(0, 0); // newer browsers return a promise
    seen.current = pathname;
  }, [pathname]);
  return (
    <>
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>{t("skip")}</a>
      <Header help={() => setHelps(true)} />
      <Connection />
      <main id="main" className="main" tabIndex={-1}>
        <Guard page={PageFailed} at={pathname + search}>
          <Suspense fallback={<Bones lines={8} />}>
            <Outlet />
          </Suspense>
        </Guard>
      </main>
      {helps ? <Help close={() => setHelps(false)} /> : null}
    </>
  );
}
