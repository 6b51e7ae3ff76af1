// Keys of the whole page. Nothing happens while a person types, or while an input method composes.

import { useEffect } from "react";
import { useNavigate } from "react-router";

export const GO: Record<string, string> = { o: "/", a: "/alerts", p: "/performance", i: "/integrity", j: "/jobs" };
const SEQUENCE_MS = 1200;

export type Pressed = Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "altKey" | "isComposing"> & { target: EventTarget | null };

const typesInto = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** The letter of the key as it is on a Latin keyboard: a Korean layout sends ㅎ for g, and the code stays KeyG. */
export function letterOf(pressed: Pressed): string | null {
  if (pressed.isComposing || pressed.ctrlKey || pressed.metaKey || pressed.altKey || typesInto(pressed.target)) return null;
  if (pressed.key === "?" || pressed.key === "/") return pressed.key;
  const found = /^Key([A-Z])$/.exec(pressed.code);
  return found ? (found[1] ?? "").toLowerCase() : pressed.key;
}

export function useKeyboard(keys: { help: () => void; again: () => void }): void {
  const navigate = useNavigate();
  useEffect(() => {
    let wentAt = -Infinity;
    const press = (event: KeyboardEvent) => {
      const { target: field } = event;
      if (event.key === "Escape" && !event.isComposing && field instanceof HTMLInputElement && field.type === "search" && !field.value) field.blur();
      const letter = letterOf(event);
      if (letter === null || document.querySelector('[role="dialog"]')) return;
      const target = GO[letter];
      if (performance.now() - wentAt < SEQUENCE_MS && target) {
        wentAt = -Infinity;
        void navigate(target);
      } else if (letter === "g") wentAt = performance.now();
      else if (letter === "?") keys.help();
      else if (letter === "r") keys.again();
      else if (letter === "/") {
        const search = document.querySelector<HTMLInputElement>('input[type="search"]');
        if (!search) return;
        search.focus();
        search.select();
        event.preventDefault();
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [navigate, keys]);
}
