// The states of an answer, the same everywhere: loading, none yet, failed, recovering, switched off, no permission, old.

import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "~/api/client";
import { useAgain } from "~/app/refresh";
import { useFormat } from "~/app/use-format";
import { inWords, original } from "~/logic/sentences";
import { hasText, useTranslation } from "~/text";
import { Icon, type IconName } from "./Icon";

export function Bones({ lines = 4 }: { lines?: number }) {
  const { t } = useTranslation();
  return (
    <div className="bones" role="status" aria-label={t("state.loading")}>
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} className="bone" style={{ width: `${92 - ((line * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

export function State({ icon, title, children, action }: { icon: IconName; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="state">
      <Icon name={icon} size={20} />
      <div>
        <strong>{title}</strong>
        {children}
      </div>
      {action ? <div className="push">{action}</div> : null}
    </div>
  );
}

const iconOf = (error: ApiError): IconName =>
  error.status === 0 ? "away" : error.status === 501 ? "settings" : error.status === 401 || error.status === 403 ? "lock" : error.code === "recovering" ? "pending" : "warning";

const NEWER_ALONE = "with_newer"; // only newer episodes are in the way

/** What went wrong and what comes next, in a title and a sentence. */
export function problemTexts(error: unknown, t: (key: never, given?: never) => string): { title: string; detail: string; icon: IconName } {
  const say = t as unknown as (key: string, given?: Record<string, unknown>) => string;
  if (!(error instanceof ApiError)) return { title: say("problem.unknown"), detail: original(String(error)), icon: "warning" };
  const key = `problem.${error.code}`;
  const family = error.status === 0 ? "problem.no_answer" : error.status === 501 ? "problem.not_available" : error.status === 503 ? "problem.unreachable" : "problem.unknown";
  const title = say(hasText(key) ? key : family);
  const next = `${key}.next`;
  const newer = error.code === "data_moved" && error.message.includes(NEWER_ALONE);
  return { title, detail: newer ? say("problem.data_moved.newer", { option: say("repair.with_newer") }) : hasText(next) ? say(next) : inWords(error.message), icon: iconOf(error) };
}

export function Failed({ error, action }: { error: unknown; action?: ReactNode }) {
  const { t } = useTranslation();
  const { again } = useAgain();
  const { title, detail, icon } = problemTexts(error, t as never);
  return (
    <State icon={icon} title={title} action={<span className="row">{action}<button type="button" className="plain outlined" onClick={again}>{t("refresh.again")}</button></span>}>
      <span>{detail}</span>
    </State>
  );
}

/** While partitions recover, alerts have the values of their last change. */
export function FormerValues() {
  const { t } = useTranslation();
  return (
    <p className="notice" role="status">
      <Icon name="pending" />
      <span>{t("alerts.former_values")}</span>
    </p>
  );
}

/** Draws the answer of a query, or the state it is in; `otherwise`: where to go when there is none. Old data stays, marked, when a later request fails. */
export function Answer<T>({ of: query, lines, otherwise, children }: { of: UseQueryResult<T>; lines?: number; otherwise?: ReactNode; children: (data: T) => ReactNode }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (query.data === undefined) return query.error ? <Failed error={query.error} action={otherwise} /> : <Bones lines={lines} />;
  if (!query.error) return children(query.data);
  const { title } = problemTexts(query.error, t as never);
  return (
    <>
      <p className="notice" role="status">
        <Icon name="pending" />
        <span>{t("state.old", { title, at: format.clock(query.dataUpdatedAt) })}</span>
      </p>
      <div className="panel-old">{children(query.data)}</div>
    </>
  );
}
