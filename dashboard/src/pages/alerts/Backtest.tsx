// What other rules would have done over the last day or week, beside those in force.

import { Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { acts } from "~/api/acts";
import { reads } from "~/api/reads";
import type { components } from "~/api/schema";
import { useFormat } from "~/app/use-format";
import { inWords } from "~/logic/sentences";
import { useAct } from "~/parts/ActDialog";
import { Answer } from "~/parts/Answer";
import { Choice, useParameter } from "~/parts/Filters";
import { Panel } from "~/parts/Panel";
import { useTranslation } from "~/text";

type Result = components["schemas"]["BacktestResult"];
const RUNNING_MS = 1000;
const EXAMPLE = `rules:
  - rule_id: episode_failure_rate
    alert_type: HIGH_FAILURE_RATE
    severity: WARNING
    threshold: 2%
    window_minutes: 15
`;

function Compared({ result }: { result: Result }) {
  const { t } = useTranslation();
  const format = useFormat();
  const of = (side: Result["old"], rule: string) => side.rules.find((one) => one.rule_id === rule)?.statistics;
  const ids = [...new Set([...result.old.rules, ...result.new.rules].map((rule) => rule.rule_id))];
  return (
    <>
      <div className="table-wrap">
        <table className="table">
          <thead><tr><th>{t("alert.rule")}</th><th className="num">{t("backtest.old")}</th><th className="num">{t("backtest.new")}</th><th className="num">{t("backtest.old_time")}</th><th className="num">{t("backtest.new_time")}</th><th className="num">{t("backtest.only_old")}</th><th className="num">{t("backtest.only_new")}</th></tr></thead>
          <tbody>
            {ids.map((id) => {
              const [old, now, change] = [of(result.old, id), of(result.new, id), result.changes.find((one) => one.rule_id === id)];
              return (
                <tr key={id}>
                  <td className="name">{id}</td>
                  <td className="num">{format.count(old?.firings)}</td>
                  <td className="num"><strong>{format.count(now?.firings)}</strong></td>
                  <td className="num">{old ? format.duration(old.seconds) : "–"}</td>
                  <td className="num"><strong>{now ? format.duration(now.seconds) : "–"}</strong></td>
                  <td className="num">{format.count(change?.only_old)}</td>
                  <td className="num">{format.count(change?.only_new)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p className="pager">{t("backtest.events", { events: result.events })} {result.warnings.map(inWords).join(" ")}</p>
    </>
  );
}

function Outcome({ id }: { id: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery({ ...reads.replay(id), refetchInterval: ({ state }) => (state.data && ["waiting", "running"].includes(state.data.state) ? RUNNING_MS : false) });
  return (
    <Answer of={query} lines={3}>
      {(job) => {
        const result = "result" in job ? (job.result as Result | null) : null;
        if (result?.kind === "backtest") return <Compared result={result} />;
        return (
          <div className="panel-body stack-tight">
            <p>{t(`job.${job.state}` as "job.running")} · {t("backtest.events", { events: job.events })}{job.seconds_left ? ` · ${t("job.left", { left: format.duration(job.seconds_left) })}` : ""}</p>
            {job.error ? <p className="critical name">{job.error}</p> : <progress className="progress" value={job.progress ?? undefined} aria-label={t("backtest.title")} />}
          </div>
        );
      }}
    </Answer>
  );
}

export function Backtest() {
  const { t } = useTranslation();
  const [yaml, setYaml] = useState(EXAMPLE);
  const [range, setRange] = useState("-24h");
  const [id, setId] = useParameter("backtest");
  const [dialog, open] = useAct();
  const begin = () =>
    open({
      title: t("backtest.title"),
      submit: t("backtest.begin"),
      comment: "none",
      what: <p className="note">{t("backtest.what")}</p>,
      run: ({ by, headers }) => acts.backtest({ by, rules_yaml: yaml, from: range, to: null, night: "22-07", old_rules_yaml: null, partition: null, until: null } as components["schemas"]["BacktestBody"], headers),
      done: (job) => setId((job as { job_id: string }).job_id),
    });
  return (
    <Panel title={t("backtest.title")} tools={<Choice label={t("range.title")} value={range} onChange={setRange} options={[{ value: "-24h", label: t("range.24") }, { value: "-168h", label: t("range.168") }]} />}>
      {dialog}
      <div className="panel-body form">
        <Textarea label={t("backtest.rules")} classNames={{ input: "mono" }} rows={7} autosize={false} spellCheck={false} value={yaml} onChange={(event) => setYaml(event.target.value)} />
        <div><button type="button" className="plain outlined" onClick={begin} disabled={!yaml.trim()}>{t("backtest.begin")}</button></div>
      </div>
      {id ? <Outcome id={id} /> : null}
    </Panel>
  );
}
