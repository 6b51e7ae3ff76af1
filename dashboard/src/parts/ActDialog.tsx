// The one dialog of every change: who, why, how long, and what has to be typed to go on. Asks for a token where one is needed.

import { Modal, TextInput, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type FormEvent, type ReactNode } from "react";
import { ApiError, isOpen, KEY } from "~/api/client";
import { headersWith, keepToken, newAct, token } from "~/app/actor";
import { useRefusal } from "~/app/Caller";
import { usePreferences } from "~/app/preferences";
import { useTranslation } from "~/text";
import { problemTexts } from "./Answer";
import { Choice } from "./Filters";
import { Icon } from "./Icon";

export interface Given {
  by: string;
  comment: string;
  minutes: number;
  headers: Record<string, string>;
}

export interface Act {
  title: string;
  what?: ReactNode;
  submit: string;
  comment?: "optional" | "required" | "none";
  minutes?: number[]; // offered durations, short ones first; 0: without an end
  preset?: number; // the duration that is chosen at first; default: the first
  confirm?: string; // has to be typed
  danger?: boolean;
  blocked?: boolean; // something in `extra` is not right yet
  extra?: ReactNode;
  run: (given: Given) => Promise<unknown>;
  done?: (answer: unknown) => void;
}

const needsToken = (error: unknown): boolean => error instanceof ApiError && (error.status === 401 || error.code === "operator_required" || error.code === "loopback_only");

export function ActDialog({ act, close }: { act: Act; close: () => void }) {
  const { t } = useTranslation();
  const { now, change } = usePreferences();
  const client = useQueryClient();
  const [by, setBy] = useState(now.name);
  const [comment, setComment] = useState("");
  const [minutes, setMinutes] = useState(act.preset ?? act.minutes?.[0] ?? 0);
  const [typed, setTyped] = useState("");
  const [given, setGiven] = useState(token);
  const [sent, setSent] = useState("");
  const [from] = useState(() => document.activeElement);
  useEffect(() => () => void setTimeout(() => from instanceof HTMLElement && from.focus({ preventScroll: true })), [from]);
  const [kept] = useState(token);
  const refusal = useRefusal(kept);
  const name = useRef("");
  const mutation = useMutation({
    mutationFn: () => {
      setSent(given.trim());
      name.current ||= newAct();
      return act.run({ by: by.trim(), comment: comment.trim(), minutes, headers: { ...headersWith(given.trim()), [KEY]: name.current } });
    },
    onError: (error) => {
      if (!isOpen(error)) name.current = ""; // it was answered: what is sent next is another act
    },
    onSuccess: (answer) => {
      change({ name: by.trim() });
      keepToken(given.trim());
      void client.invalidateQueries();
      close();
      act.done?.(answer);
    },
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!mutation.isPending) mutation.mutate();
  };
  const isReady = !act.blocked && by.trim() !== "" && (act.comment !== "required" || comment.trim() !== "") && (act.confirm === undefined || typed === act.confirm);
  return (
    <Modal opened onClose={close} title={act.title} size="lg" closeButtonProps={{ "aria-label": t("act.close") }}>
      <form className="form" onSubmit={send}>
        {act.what ? <div>{act.what}</div> : null}
        {act.minutes ? (
          <div className="row">
            <span className="field-label">{t("act.duration")}</span>
            <Choice label={t("act.duration")} value={String(minutes)} onChange={(value) => setMinutes(Number(value))} options={act.minutes.map((value) => ({ value: String(value), label: t(`minutes.${value}` as "minutes.60") }))} />
          </div>
        ) : null}
        {act.extra}
        <TextInput label={t("act.by")} required maxLength={200} autoComplete="name" value={by} onChange={(event) => setBy(event.target.value)} data-autofocus={by ? undefined : true} />
        {act.comment === "none" ? null : (
          <Textarea label={t(act.comment === "required" ? "act.reason" : "act.comment")} required={act.comment === "required"} rows={2} maxLength={2000} value={comment} onChange={(event) => setComment(event.target.value)} data-autofocus={by ? true : undefined} />
        )}
        {act.confirm === undefined ? null : (
          <TextInput label={<>{t("act.confirm")} <code className="name">{act.confirm}</code></>} autoComplete="off" spellCheck={false} value={typed} onChange={(event) => setTyped(event.target.value)} />
        )}
        {given || refusal || needsToken(mutation.error) ? (
          <TextInput type="password" label={t("act.token")} description={t("act.token.note")} autoComplete="off" value={given} onChange={(event) => setGiven(event.target.value)} />
        ) : null}
        {mutation.error ? <ActProblem error={mutation.error} sent={sent} /> : refusal ? <ActProblem error={refusal} sent={kept} /> : null}
        <div className="form-actions">
          <button type="button" className="plain outlined button" onClick={close}>{t("act.cancel")}</button>
          <button type="submit" className={`plain outlined button ${act.danger ? "danger" : "primary"}`} disabled={!isReady || mutation.isPending} aria-busy={mutation.isPending}>{act.submit}</button>
        </div>
      </form>
    </Modal>
  );
}

/** `sent`: the token that the monitor was given: one that it does not know is another fault than none. */
export function ActProblem({ error, sent = "" }: { error: unknown; sent?: string }) {
  const { t } = useTranslation();
  const { title, detail, icon } = problemTexts(error instanceof ApiError && error.status === 401 && sent ? new ApiError(401, "wrong_token", error.message) : error, t as never);
  const line = error instanceof ApiError ? error.line : null;
  return (
    <div className="notice notice-critical" role="alert">
      <Icon name={icon} />
      <span>
        <strong>{title}</strong> {detail}
        {line === null ? null : ` ${t("problem.line", { line })}`}
      </span>
    </div>
  );
}

/** `[dialog, open]`: put the first in the page, call the second. */
export function useAct(): [ReactNode, (act: Act) => void] {
  const [act, setAct] = useState<Act | null>(null);
  return [act ? <ActDialog act={act} close={() => setAct(null)} /> : null, setAct];
}
