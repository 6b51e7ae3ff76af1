// Who did what, newest first, filtered by the address.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { reads } from "~/api/reads";
import { useFormat } from "~/app/use-format";
import { actorText, inWords } from "~/logic/sentences";
import { command } from "~/logic/export";
import { Answer, State } from "~/parts/Answer";
import { Export } from "~/parts/Export";
import { Pager, Search, useParameter } from "~/parts/Filters";
import { At } from "~/parts/Moment";
import { Panel } from "~/parts/Panel";
import { sayOr, useTranslation } from "~/text";

export function Audit() {
  const { t } = useTranslation();
  const format = useFormat();
  const [who, setWho] = useParameter("who");
  const [what, setWhat] = useParameter("what");
  const [target, setTarget] = useParameter("target");
  const [cursor] = useParameter("cursor");
  const asked = { who: who || null, what: what || null, target: target || null, limit: 100, cursor: cursor || null };
  const query = useQuery({ ...reads.audit(asked), placeholderData: keepPreviousData });
  return (
    <Panel title={t("jobs.audit")} tools={query.data ? <Export path="/monitoring/episodes/audit" asked={{ who, what, target }} command={command(["audit", "list"])} /> : null}>
      <div className="panel-head"><div className="filters"><Search label={t("audit.who")} value={who} onChange={setWho} /><Search label={t("audit.what")} value={what} onChange={setWhat} /><Search label={t("audit.target")} value={target} onChange={setTarget} /></div></div>
      <Answer of={query} lines={8}>
        {({ entries, total, next_cursor, kept_in }) =>
          entries.length ? (
            <>
              {kept_in === "memory" ? <p className="notice">{t("audit.memory")}</p> : null}
              <div className="table-wrap">
                <table className="table table-fold">
                  <thead><tr><th>{t("alert.at")}</th><th>{t("audit.who")}</th><th>{t("audit.what")}</th><th>{t("audit.target")}</th><th>{t("audit.result")}</th></tr></thead>
                  <tbody>
                    {entries.map((row, place) => (
                      <tr key={`${row.at} ${row.target} ${place}`}>
                        <td className="shrink sub"><At at={row.at} /></td>
                        <td><strong className="name">{actorText(row.who)}</strong> {row.role === row.who ? null : <span className="sub">{sayOr(`role.${row.role}`, row.role)}</span>}</td>
                        <td>{sayOr(`audit.${row.what}`, row.what)}</td>
                        <td className="main-cell name mono">{row.target}</td>
                        <td className={row.result === "done" ? "good" : "name"}>{sayOr(`result.${row.result}`, row.result.includes(" ") ? inWords(row.result) : row.result)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              <Pager shown={entries.length} total={total} next={next_cursor} format={format.count} />
            </>
          ) : (
            <State icon="search" title={t("audit.none")}>{t("audit.none.detail")}</State>
          )
        }
      </Answer>
    </Panel>
  );
}
