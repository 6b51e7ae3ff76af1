// Copies a text and says so.

import { useState } from "react";
import { useTranslation } from "~/text";
import { Icon } from "./Icon";

export async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no permission, or a page that is not served securely
  }
}

export function Copy({ text, label }: { text: string; label: string }) {
  const { t } = useTranslation();
  const [done, setDone] = useState<boolean | null>(null);
  const copy = async () => {
    setDone(await toClipboard(text));
    setTimeout(() => setDone(null), 1500);
  };
  return (
    <button type="button" className="plain" onClick={() => void copy()} title={text} aria-live="polite">
      <Icon name={done ? "check" : "copy"} size={13} />
      {done === null ? label : t(done ? "copy.done" : "copy.failed")}
    </button>
  );
}
