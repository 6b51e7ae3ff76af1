// Filters whose state is the address, so that a link shows the same list and "back" works.

import { useEffect, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { useTranslation } from "~/text";

const TYPING_MS = 250;

/** Reads and writes one parameter of the address; writing another filter forgets the page. */
export function useParameter(name: string, otherwise = ""): [string, (value: string) => void] {
  const [parameters, setParameters] = useSearchParams();
  const set = (value: string) =>
    setParameters(
      (before) => {
        const after = new URLSearchParams(before);
        if (value && value !== otherwise) after.set(name, value);
        else after.delete(name);
        if (name !== "cursor") after.delete("cursor");
        return after;
      },
      { replace: name !== "cursor" },
    );
  return [parameters.get(name) ?? otherwise, set];
}

export function Choice({ label, value, options, onChange }: { label: string; value: string; options: { value: string; label: string }[]; onChange: (value: string) => void }) {
  return (
    <div className="choice" role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option.value} type="button" aria-pressed={option.value === value} onClick={() => onChange(option.value)}>
          {option.label}
        </button>
      ))}
    </div>
  );
}

export function Pick({ label, value, options, onChange }: { label: string; value: string; options: { value: string; label: string }[]; onChange: (value: string) => void }) {
  return (
    <label className="field-label">
      {label}
      <select className="field" value={value} onChange={(event) => onChange(event.target.value)}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A search that follows the typing, but not while an input method composes a syllable. */
export function Search({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(value);
  const composing = useRef(false);
  const latest = useRef(onChange);
  latest.current = onChange;
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value || composing.current) return;
    const timer = setTimeout(() => latest.current(typed.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, value]);
  return (
    <input
      className="field"
      type="search"
      aria-label={label}
      placeholder={`${label}  ${t("search.key")}`}
      maxLength={200}
      autoComplete="off"
      spellCheck={false}
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
      onCompositionStart={() => (composing.current = true)}
      onCompositionEnd={(event) => {
        composing.current = false;
        latest.current(event.currentTarget.value.trim());
      }}
    />
  );
}

/** Pages on the server: the first one, and the next. "Back" of the browser goes to the one before. */
export function Pager({ shown, total, next, format }: { shown: number; total?: number; next: string | null | undefined; format: (value: number) => string }) {
  const { t } = useTranslation();
  const [cursor, setCursor] = useParameter("cursor");
  if (!cursor && !next && total === undefined) return null;
  return (
    <div className="pager">
      <span>{total === undefined ? t("pager.shown", { shown: format(shown) }) : t("pager.of", { shown: format(shown), total: format(total) })}</span>
      <span className="row push">
        {cursor ? <button type="button" className="plain outlined" onClick={() => setCursor("")}>{t("pager.first")}</button> : null}
        {next ? <button type="button" className="plain outlined" onClick={() => setCursor(next)}>{t("pager.next")}</button> : null}
      </span>
    </div>
  );
}
