// Copies a text and says so; downloads what a list shows.

import { Menu } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { allPages, type Page } from "~/logic/all-pages";
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

interface ExportProps<T> {
  name: string;
  heads: string[];
  rows: readonly T[]; // those that are shown
  row: (one: T) => Cell[];
  path: string; // the request they came from
  command?: string;
  more?: (cursor: string | null) => Promise<Page<T>>; // pages of all that the filters find, where more is found than is shown
}

/** What the filters find, as a file: all of it, not only the page that is shown. */
export function Export<T>({ name, heads, rows, row, path, command, more }: ExportProps<T>) {
  const { t } = useTranslation();
  const [state, setState] = useState<"" | "busy" | "failed" | "cut">("");
  const address = new URL(`.${path}`, document.baseURI).href;
  const out = async (write: (found: readonly T[]) => void) => {
    setState("busy");
    try {
      const { found, isWhole } = more ? await allPages(more) : { found: rows, isWhole: true };
      write(found);
      setState(isWhole ? "" : "cut");
    } catch {
      setState("failed");
    }
  };
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <button type="button" className="plain" aria-busy={state === "busy"}>
          <Icon name={state === "failed" || state === "cut" ? "warning" : "download"} size={13} />
          {state ? t(`export.${state}`) : t("export.title")}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => void out((found) => save(`${name}.csv`, "text/csv;charset=utf-8", csv(heads, found.map(row))))}>{t("export.csv")}</Menu.Item>
        <Menu.Item onClick={() => void out((found) => save(`${name}.json`, "application/json", JSON.stringify(found, null, 2)))}>{t("export.json")}</Menu.Item>
        <Menu.Item onClick={() => void toClipboard(curl(address))}>{t("export.curl")}</Menu.Item>
        {command ? <Menu.Item onClick={() => void toClipboard(command)}>{t("export.command")}</Menu.Item> : null}
      </Menu.Dropdown>
    </Menu>
  );
}
