// Replays and backtests that run as jobs.

import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { acts } from "~/api/acts";
import { reads } from "~/api/reads";
import { useFormat } from "~/app/use-format";
import { ActDialog, useAct } from "~/parts/ActDialog";
import { Answer, State } from "~/parts/Answer";
import { Ago } from "~/parts/Moment";
import { Panel } from "~/parts/Panel";
import { useParameter } from "~/parts/Filters";
import { useTranslation } from "~/text";
import { JobState } from "./Checks";
import { ReplayResult } from "./ReplayResult";

const RUNNING_MS = 1000;

/** Which events to process again; all where nothing is given. */
function Start({ close }: { close: () => void }) {
  const { t } = useTranslation();
  const [from, setFrom] = useState("-1h");
  const [to, setTo] = useState("");
  return (
    <ActDialog
      close={close}
      act={{
        title: t("replay.start"),
        submit: t("replay.start"),
        comment: "none",
        what: <p className="note">{t("replay.what")}</p>,
        extra: (
          <>
            <TextInput label={t("silence.from")} description={t("replay.place")} maxLength={2000} spellCheck={false} value={from} onChange={(event) => setFrom(event.target.value)} />
            <TextInput label={t("silence.until")} maxLength={2000} spellCheck={false} value={to} onChange={(event) => setTo(event.target.value)} />
          </>
        ),
        run: ({ by, headers }) => acts.replay({ by, from: from.trim() || null, to: to.trim() || null, partition: null, projects: false, until: null }, headers),
      }}
    />
  );
}

export function Replays() {
  const [id] = useParameter("id");
  return id ? <ReplayResult id={id} /> : <List />;
}

function List() {
  const { t } = useTranslation();
  const format = useFormat();
  const [starts, setStarts] = useState(false);
  const [dialog, open] = useAct();
  const query = useQuery({ ...reads.replays(), refetchInterval: ({ state }) => (state.data?.replays.some((job) => job.state === "running" || job.state === "waiting") ? RUNNING_MS : false) });
  const cancel = (id: string) => open({ title: t("job.cancel"), submit: t("job.cancel"), comment: "none", danger: true, run: ({ by, headers }) => acts.cancelReplay(id, by, headers) });
  return (
    <Panel title={t("jobs.replays")} tools={<><button type="button" className="plain outlined" onClick={() => setStarts(true)}>{t("replay.start")}</button><Link className="plain outlined" to="/alerts/rules">{t("backtest.title")}</Link></>}>
      {starts ? <Start close={() => setStarts(false)} /> : null}
      {dialog}
      <Answer of={query}>
        {({ replays }) =>
          replays.length ? (
            <div className="table-wrap">
              <table className="table table-fold">
                <thead><tr><th>{t("finding.state")}</th><th>{t("check.kind")}</th><th className="num">{t("replay.events")}</th><th className="num">{t("replay.speed")}</th><th>{t("silence.by")}</th><th className="num">{t("check.began")}</th><th><span className="sr">{t("alerts.acts")}</span></th></tr></thead>
                <tbody>
                  {replays.map((job) => (
                    <tr key={job.job_id}>
                      <td className="shrink"><JobState state={job.state} />{job.state === "running" ? <progress className="progress" value={job.progress ?? undefined} aria-label={t("job.running")} /> : null}</td>
                      <td className="main-cell">{job.kind === "backtest" ? <Link to={`/alerts/rules?backtest=${encodeURIComponent(job.job_id)}`}>{t("replay.backtest")}</Link> : <Link to={`/jobs/replays?id=${encodeURIComponent(job.job_id)}`}>{t(job.has_result ? "replay.open" : "replay.replay")}</Link>}{job.error ? <div className="critical sub name">{job.error}</div> : null}</td>
                      <td className="num" data-label={t("replay.events")}>{format.count(job.events)}</td>
                      <td className="num" data-label={t("replay.speed")}>{job.events_per_second ? format.count(Math.round(job.events_per_second)) : "–"}</td>
                      <td className="name">{job.requested_by}</td>
                      <td className="num sub"><Ago at={job.requested_at} /></td>
                      <td className="acts">{job.state === "running" || job.state === "waiting" ? <button type="button" className="plain" onClick={() => cancel(job.job_id)}>{t("job.cancel")}</button> : null}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <State icon="info" title={t("replay.none")}>{t("replay.none.detail")}</State>
          )
        }
      </Answer>
    </Panel>
  );
}
