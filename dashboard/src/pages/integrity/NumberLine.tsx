// The numbers of a project as a line: where something is missing, held twice, not settled, or waived.

import type { Finding, ProjectView } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { numberLine, rangeOf, wider, type Cell, type CellKind, type Range } from "~/logic/number-line";
import { useParameter } from "~/parts/Filters";
import { useTranslation } from "~/text";

const MOST_CELLS = 120;
const KINDS: CellKind[] = ["live", "gap", "duplicate", "suspect", "waived"];

function useCellText(owners: Record<string, string[]>) {
  const { t } = useTranslation();
  const format = useFormat();
  return (cell: Cell): string => {
    const numbers = cell.first === cell.last ? format.count(cell.first) : `${format.count(cell.first)}–${format.count(cell.last)}`;
    const said = [
      cell.gaps ? t("line.gaps", { many: format.count(cell.gaps) }) : "",
      cell.duplicates ? t("line.duplicates", { many: format.count(cell.duplicates) }) : "",
      cell.suspects ? t("line.suspects", { many: format.count(cell.suspects) }) : "",
      cell.waived ? t("line.waived", { many: format.count(cell.waived) }) : "",
    ].filter(Boolean);
    const held = cell.first === cell.last ? owners[String(cell.first)] : undefined;
    return `${numbers}: ${said.join(", ") || t("line.live")}${held ? ` · ${t("line.owners", { owners: held.join(", ") })}` : ""}`;
  };
}

export function NumberLine({ view, findings }: { view: ProjectView; findings: readonly Finding[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const textOf = useCellText(view.duplicate_owners);
  const [shown, show] = useParameter("numbers");
  const max = Math.max(1, view.max_number, ...findings.map((found) => found.last_number));
  const range = rangeOf(shown, max);
  const go = (to: Range) => show(to.first === 1 && to.last === max ? "" : `${to.first}-${to.last}`);
  const cells = numberLine(range, findings, MOST_CELLS);
  const isSingle = cells.every((cell) => cell.first === cell.last);
  const whole = range.first === 1 && range.last === max;
  return (
    <div className="panel-body stack-tight">
      <div className="row note legend">
        {KINDS.map((kind) => <span key={kind} className="row"><i className={`swatch cell-${kind}`} />{t(`line.kind.${kind}`)}</span>)}
        <span className="row push">
          {whole ? null : <button type="button" className="plain" onClick={() => go(wider(range, max))}>{t("line.wider")}</button>}
          {whole ? null : <button type="button" className="plain" onClick={() => go({ first: 1, last: max })}>{t("line.all")}</button>}
        </span>
      </div>
      <ol className={`line${isSingle ? " line-single" : ""}`} aria-label={t("line.title")}>
        {cells.map((cell) => {
          const text = textOf(cell);
          return (
            <li key={cell.first} className={`cell cell-${cell.kind}`} title={text}>
              {isSingle ? <span aria-hidden="true">{cell.first}</span> : null}
              {cell.kind === "live" ? null : cell.last > cell.first ? (
                <button type="button" onClick={() => go(cell)} aria-label={text} />
              ) : (
                <span className="sr">{text}</span>
              )}
            </li>
          );
        })}
      </ol>
      <div className="row row-between note">
        <span>{format.count(range.first)}</span>
        {isSingle ? null : <span>{t("line.each", { numbers: (cells[0]?.last ?? 1) - (cells[0]?.first ?? 1) + 1 })}</span>}
        <span>{format.count(range.last)}</span>
      </div>
    </div>
  );
}
