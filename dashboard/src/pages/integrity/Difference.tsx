// Every change of a plan, in pages of the browser: a plan may have a hundred thousand.

import { useState } from "react";
import type { RepairPlan } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { ExportShown } from "~/parts/Export";
import { Icon } from "~/parts/Icon";
import { Panel } from "~/parts/Panel";
import { useTranslation } from "~/text";

const PAGE = 50;

export function Difference({ plan }: { plan: RepairPlan }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [page, setPage] = useState(0);
  const changes = [...plan.changes, ...plan.newer_changes];
  const shown = changes.slice(page * PAGE, (page + 1) * PAGE);
  return (
    <Panel title={t("repair.difference")} tools={<ExportShown name={plan.plan_id} heads={["episode_id", "old_number", "new_number"]} rows={changes} row={(one) => [one.episode_id, one.old_number, one.new_number]} path={`/monitoring/episodes/repair-plans/${encodeURIComponent(plan.plan_id)}`} />}>
      {changes.length ? (
        <>
          <div className="table-wrap">
            <table className="table">
              <thead><tr><th>{t("repair.episode")}</th><th className="num">{t("repair.before")}</th><th><span className="sr">→</span></th><th className="num">{t("repair.after")}</th></tr></thead>
              <tbody>
                {shown.map((one) => (
                  <tr key={one.episode_id}>
                    <td className="name mono">{one.episode_id}</td>
                    <td className="num muted">{format.count(one.old_number)}</td>
                    <td className="shrink muted"><Icon name="right" size={11} /></td>
                    <td className="num"><strong>{format.count(one.new_number)}</strong></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <div className="pager">
            <span>{t("pager.of", { shown: `${format.count(page * PAGE + 1)}–${format.count(page * PAGE + shown.length)}`, total: format.count(changes.length) })}</span>
            <span className="row push">
              <button type="button" className="plain outlined" disabled={page === 0} onClick={() => setPage(page - 1)}>{t("pager.previous")}</button>
              <button type="button" className="plain outlined" disabled={(page + 1) * PAGE >= changes.length} onClick={() => setPage(page + 1)}>{t("pager.next")}</button>
            </span>
          </div>
        </>
      ) : (
        <p className="panel-body note">{t("repair.no_changes")}</p>
      )}
    </Panel>
  );
}
