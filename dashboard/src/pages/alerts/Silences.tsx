// Silences: what is quiet, until when, and a new one with a preview of what it would hide.

import { useQuery } from "@tanstack/react-query";
import { acts } from "~/api/acts";
import { reads, type SilencesAsked } from "~/api/reads";
import type { Silence } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { command } from "~/logic/export";
import { matcherText } from "~/logic/matchers";
import { useAct } from "~/parts/ActDialog";
import { Answer, State } from "~/parts/Answer";
import { Export } from "~/parts/Export";
import { Choice, Pager, useParameter } from "~/parts/Filters";
import { Icon } from "~/parts/Icon";
import { Ago } from "~/parts/Moment";
import { Tag } from "~/parts/Severity";
import { useTranslation } from "~/text";
import { useState } from "react";
import { NewSilence } from "./NewSilence";

function Row({ silence, marked, expire, edit }: { silence: Silence; marked: boolean; expire: () => void; edit: () => void }) {
  const { t } = useTranslation();
  return (
    <tr className={marked ? "marked" : ""}>
      <td className="shrink"><Tag tone={silence.state === "active" ? "info" : undefined} icon={silence.state === "expired" ? "check" : "silence"}>{t(`silence.${silence.state}` as "silence.active")}</Tag></td>
      <td className="main-cell">
        <code className="name">{silence.matchers.map(matcherText).join(", ")}</code>
        {silence.comment ? <div className="sub name">{silence.comment}</div> : null}
      </td>
      <td className="name" data-label={t("silence.by")}>{silence.created_by}</td>
      <td className="num sub" data-label={t("silence.starts")}><Ago at={silence.starts_at} /></td>
      <td className="num sub" data-label={t("silence.ends")}><Ago at={silence.ends_at} /></td>
      <td className="acts">{silence.state === "expired" ? null : <><button type="button" className="plain" onClick={edit}>{t("silence.change")}</button><button type="button" className="plain" onClick={expire}>{t("silence.expire")}</button></>}</td>
    </tr>
  );
}

export function Silences() {
  const { t } = useTranslation();
  const format = useFormat();
  const [state, setState] = useParameter("state");
  const [cursor] = useParameter("cursor");
  const [id] = useParameter("id");
  const [adds, setAdds] = useState(false);
  const [edits, setEdits] = useState<Silence | null>(null);
  const [dialog, open] = useAct();
  const asked = { state: (state || null) as SilencesAsked["state"], limit: 100, cursor: cursor || null };
  const query = useQuery(reads.silences(asked));
  const expire = (silence: Silence) =>
    open({ title: t("silence.expire"), submit: t("silence.expire"), comment: "none", what: <code className="name">{silence.matchers.map(matcherText).join(", ")}</code>, run: ({ by, headers }) => acts.expireSilence(silence.id, by, headers) });
  return (
    <section className="panel">
      {dialog}
      {edits ? <NewSilence silence={edits} close={() => setEdits(null)} /> : null}
      {adds ? <NewSilence close={() => setAdds(false)} /> : null}
      <div className="panel-head">
        <Choice label={t("silence.state")} value={state} onChange={setState} options={[{ value: "", label: t("filter.all") }, ...["active", "pending", "expired"].map((value) => ({ value, label: t(`silence.${value}` as "silence.active") }))]} />
        <div className="row push">
          {query.data ? <Export path="/monitoring/episodes/silences" asked={{ state }} command={command(["silence", "list"])} /> : null}
          <button type="button" className="plain outlined" onClick={() => setAdds(true)}><Icon name="silence" size={13} />{t("silence.new")}</button>
        </div>
      </div>
      <Answer of={query}>
        {({ silences, total, next_cursor }) =>
          silences.length ? (
            <>
              <div className="table-wrap">
                <table className="table table-fold">
                  <thead><tr><th>{t("silence.state")}</th><th>{t("silence.matchers")}</th><th>{t("silence.by")}</th><th className="num">{t("silence.starts")}</th><th className="num">{t("silence.ends")}</th><th><span className="sr">{t("alerts.acts")}</span></th></tr></thead>
                  <tbody>{silences.map((silence) => <Row key={silence.id} silence={silence} marked={silence.id === id} expire={() => expire(silence)} edit={() => setEdits(silence)} />)}</tbody>
                </table>
              </div>
              <Pager shown={silences.length} total={total} next={next_cursor} format={format.count} />
            </>
          ) : (
            <State icon="silence" title={t("silence.none")}>{t("silence.none.detail")}</State>
          )
        }
      </Answer>
    </section>
  );
}
