// Events that could not be used, and alerts that no sink took: retried or discarded.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { acts } from "~/api/acts";
import { ApiError } from "~/api/client";
import { reads, speaks, type LettersAsked } from "~/api/reads";
import type { DeadLetter, Handled } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { command } from "~/logic/export";
import { useAct } from "~/parts/ActDialog";
import { Answer, State } from "~/parts/Answer";
import { Export } from "~/parts/Export";
import { Choice, Pager, useParameter } from "~/parts/Filters";
import { Ago } from "~/parts/Moment";
import { Tag } from "~/parts/Severity";
import { sayOr, useTranslation } from "~/text";

function Row({ letter, handle }: { letter: DeadLetter; handle: (verb: "retry" | "discard") => void }) {
  const { t } = useTranslation();
  const { origin } = letter;
  const from = origin.sink ?? `${origin.topic ?? ""} ${origin.partition ?? ""}:${origin.offset ?? ""}`;
  return (
    <tr>
      <td className="shrink"><Tag>{t(`letters.${letter.kind}` as "letters.event")}</Tag></td>
      <td className="main-cell">
        <strong>{sayOr(`letter.${letter.reason}`, letter.reason.replaceAll("_", " "))}</strong>
        <div className="sub name">{letter.detail}</div>
        <details><summary className="sub">{t("letters.record")} <span className="name mono">{letter.key}</span></summary><pre className="record name">{letter.first_kib}</pre></details>
      </td>
      <td className="sub name" data-label={t("letters.origin")}>{from}</td>
      <td className="num sub" data-label={t("alert.at")}><Ago at={letter.at} /></td>
      <td className="acts">
        <button type="button" className="plain" onClick={() => handle("retry")}>{t("letters.retry")}</button>
        <button type="button" className="plain" onClick={() => handle("discard")}>{t("letters.discard")}</button>
      </td>
    </tr>
  );
}

/** An alert that its sink refused again stays a dead letter. */
function isTaken({ outcome, reason }: Handled): void {
  if (outcome === "failed") throw new ApiError(502, "not_delivered", reason ?? "");
}

export function DeadLetters() {
  const { t } = useTranslation();
  const format = useFormat();
  const [kind, setKind] = useParameter("kind");
  const [cursor] = useParameter("cursor");
  const [dialog, open] = useAct();
  const asked = { kind: (kind || null) as LettersAsked["kind"], limit: 50, cursor: cursor || null, language: speaks() };
  const query = useQuery({ ...reads.letters(asked), placeholderData: keepPreviousData });
  const handle = (verb: "retry" | "discard", letter: DeadLetter) =>
    open({ title: t(`letters.${verb}`), submit: t(`letters.${verb}`), danger: verb === "discard", comment: verb === "discard" ? "required" : "optional", what: <p><code>{letter.id}</code> <span className="note">{t(`letters.${verb}.what`)}</span></p>, run: async ({ by, comment, headers }) => isTaken(await acts.letter(verb, letter.id, { by, comment }, headers)) });
  return (
    <section className="panel">
      {dialog}
      <div className="panel-head">
        <Choice label={t("letters.kind")} value={kind} onChange={setKind} options={[{ value: "", label: t("filter.all") }, { value: "event", label: t("letters.event") }, { value: "alert", label: t("letters.alert") }]} />
        <span className="push">{query.data ? <Export path="/monitoring/episodes/dead-letters" asked={{ kind }} command={command(["dead-letters", "list"])} /> : null}</span>
      </div>
      <Answer of={query} lines={5}>
        {({ dead_letters, total, next_cursor }) =>
          dead_letters.length ? (
            <>
              <div className="table-wrap">
                <table className="table table-fold">
                  <thead><tr><th>{t("letters.kind")}</th><th>{t("letters.why")}</th><th>{t("letters.origin")}</th><th className="num">{t("alert.at")}</th><th><span className="sr">{t("alerts.acts")}</span></th></tr></thead>
                  <tbody>{dead_letters.map((letter) => <Row key={letter.id} letter={letter} handle={(verb) => handle(verb, letter)} />)}</tbody>
                </table>
              </div>
              <Pager shown={dead_letters.length} total={total} next={next_cursor} format={format.count} />
            </>
          ) : (
            <State icon="good" title={t("letters.none")}>{t("letters.none.detail")}</State>
          )
        }
      </Answer>
    </section>
  );
}
