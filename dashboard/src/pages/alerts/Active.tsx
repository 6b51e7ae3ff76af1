// The alerts that are active now: grouped, filtered, and acted on in their rows or many at once.

import { useQuery } from "@tanstack/react-query";
import { memo, useMemo, useState } from "react";
import { allAlerts, reads } from "~/api/reads";
import type { ActiveAlert } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { grouped, matching, standing, toldTo, worstFirst, type GroupBy } from "~/logic/alerts";
import { command } from "~/logic/export";
import { useAct } from "~/parts/ActDialog";
import { Answer, FormerValues, State } from "~/parts/Answer";
import { ExportShown } from "~/parts/Export";
import { Choice, Pick, Search, useParameter } from "~/parts/Filters";
import { useTranslation } from "~/text";
import { useAlertActs } from "./alert-acts";
import { AlertTable } from "./AlertTable";

const MOST_ROWS = 200;
const HEADS = ["alert_key", "severity", "status", "project_id", "rule_id", "value", "threshold", "starts_at", "acknowledged_by", "silenced_by"];
const rowOf = (alert: ActiveAlert) => [alert.alert_key, alert.severity, alert.status, alert.project_id, alert.rule_id, alert.value, alert.threshold, alert.starts_at, alert.acknowledged_by, alert.silenced_by.join(" ")];

const Toolbar = memo(function Toolbar({ alerts, shown, total }: { alerts: readonly ActiveAlert[]; shown: ActiveAlert[]; total: number }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [q, setQ] = useParameter("q");
  const [severity, setSeverity] = useParameter("severity");
  const [stands, setStands] = useParameter("standing");
  const [by, setBy] = useParameter("group", "told");
  const of = (wanted: string, found: (alert: ActiveAlert) => string) => format.count(alerts.filter((alert) => found(alert) === wanted).length);
  return (
    <div className="panel-head">
      <div className="filters">
        <Search label={t("alerts.search")} value={q} onChange={setQ} />
        <Choice label={t("alerts.severity")} value={severity} onChange={setSeverity} options={[{ value: "", label: `${t("filter.all")} ${format.count(total)}` }, ...["critical", "warning", "info"].map((one) => ({ value: one, label: `${t(`severity.${one}` as "severity.info")} ${of(one, (alert) => alert.severity)}` }))]} />
        <Pick label={t("alerts.standing")} value={stands} onChange={setStands} options={[{ value: "", label: t("filter.all") }, ...["firing", "acknowledged", "silenced", "pending"].map((one) => ({ value: one, label: `${t(`status.${one}` as "status.firing")} (${of(one, standing)})` }))]} />
        <Pick label={t("alerts.group")} value={by} onChange={setBy} options={["told", "rule", "project", "severity", "none"].map((value) => ({ value, label: t(`alerts.group.${value}` as "alerts.group.rule") }))} />
      </div>
      <span className="push"><ExportShown name="alerts" heads={HEADS} rows={shown} all={alerts.length < total ? async () => matching(await allAlerts(), { q, severity, standing: stands }) : undefined} row={rowOf} path="/monitoring/episodes/alerts/active" command={command(["alerts", "list"])} /></span>
    </div>
  );
});

export function Active() {
  const { t } = useTranslation();
  const query = useQuery(reads.alerts());
  const [q] = useParameter("q");
  const [severity] = useParameter("severity");
  const [stands] = useParameter("standing");
  const [by] = useParameter("group", "told");
  const { data, error } = useQuery({ ...reads.groups(), enabled: by === "told" });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [dialog, open] = useAct();
  const act = useAlertActs();
  const known = query.data?.alerts;
  const shown = useMemo(() => matching(known ?? [], { q, severity, standing: stands }), [known, q, severity, stands]);
  const nobody = t("alerts.group.nobody");
  const groups = useMemo(
    () => grouped(worstFirst(shown).slice(0, MOST_ROWS), error ? "rule" : (by as GroupBy), toldTo(data ?? [])).map((group) => (group.name || by !== "told" ? group : { ...group, name: nobody })),
    [shown, by, data, error, nobody],
  );
  const selected = chosen.size ? shown.filter((alert) => chosen.has(alert.alert_key)) : [];
  const clear = () => setChosen(new Set());
  const all = (verb: "acknowledge" | "silence" | "resolve") => open({ ...act(verb, selected), done: clear });
  return (
    <section className="panel panel-selectable">
      {dialog}
      <Answer of={query} lines={8}>
        {({ alerts, total, values_are_current }) => (
          <>
            <Toolbar alerts={alerts} shown={shown} total={total} />
            {values_are_current ? null : <FormerValues />}
            {selected.length ? (
              <div className="selection">
                {t("alerts.selected", { count: selected.length })}
                <button type="button" className="plain outlined" onClick={() => all("acknowledge")}>{t("act.acknowledge")}</button>
                <button type="button" className="plain outlined" onClick={() => all("silence")}>{t("act.silence")}</button>
                <button type="button" className="plain outlined" onClick={() => all("resolve")}>{t("act.resolve")}</button>
                <button type="button" className="plain" onClick={clear}>{t("alerts.clear")}</button>
              </div>
            ) : null}
            {alerts.length === 0 ? <State icon="good" title={t("alerts.none")}>{t("alerts.none.detail")}</State> : shown.length === 0 ? <State icon="search" title={t("filter.none")}>{t("filter.none.detail")}</State> : null}
            {shown.length ? <AlertTable groups={groups} showGroups={by !== "none"} chosen={chosen} choose={setChosen} act={(verb, alert) => open(act(verb, [alert]))} /> : null}
            {shown.length > MOST_ROWS ? <p className="pager">{t("alerts.more", { more: shown.length - MOST_ROWS })}</p> : null}
          </>
        )}
      </Answer>
    </section>
  );
}
