// Copies a text and says so; downloads what a list shows.

import { Menu } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { csv, curl, type Cell } from "~/logic/export";
import { Icon } from "./Icon";

async function toClipboard(text: string): Promise<boolean> {
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

function save(name: string, kind: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: kind }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** `rows` are those that are shown; `path` is the request they came from. */
export function Export({ name, heads, rows, data, path, command }: { name: string; heads: string[]; rows: () => Cell[][]; data: unknown; path: string; command?: string }) {
  const { t } = useTranslation();
  const address = new URL(`.${path}`, document.baseURI).href;
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <button type="button" className="plain">
          <Icon name="download" size={13} />
          {t("export.title")}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => save(`${name}.csv`, "text/csv;charset=utf-8", csv(heads, rows()))}>{t("export.csv")}</Menu.Item>
        <Menu.Item onClick={() => save(`${name}.json`, "application/json", JSON.stringify(data, null, 2))}>{t("export.json")}</Menu.Item>
        <Menu.Item onClick={() => void toClipboard(curl(address))}>{t("export.curl")}</Menu.Item>
        {command ? <Menu.Item onClick={() => void toClipboard(command)}>{t("export.command")}</Menu.Item> : null}
      </Menu.Dropdown>
    </Menu>
  );
}
