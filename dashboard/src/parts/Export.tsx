// What a list holds as a file: all that its filters find, written by the monitor; or what the page alone has, such as the
// points of a chart, written here.

import { Menu } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { csv, curl, type Cell } from "~/logic/export";
import { useTranslation } from "~/text";
import { problemTexts } from "./Answer";
import { toClipboard } from "./Copy";
import { Icon } from "./Icon";

function Files({ path, command, children }: { path: string; command?: string; children: ReactNode }) {
  const { t } = useTranslation();
  const address = new URL(`.${path}`, document.baseURI).href;
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <button type="button" className="plain"><Icon name="download" size={13} />{t("export.title")}</button>
      </Menu.Target>
      <Menu.Dropdown>
        {children}
        <Menu.Item onClick={() => void toClipboard(curl(address))}>{t("export.curl")}</Menu.Item>
        {command ? <Menu.Item onClick={() => void toClipboard(command)}>{t("export.command")}</Menu.Item> : null}
      </Menu.Dropdown>
    </Menu>
  );
}

/** `path` is that of the list, `asked` its filters: both without a page. */
export function Export({ path, asked, command }: { path: string; asked: Record<string, string | null | undefined>; command?: string }) {
  const { t } = useTranslation();
  const filters = Object.entries(asked).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const file = (format: "csv" | "json") => `.${path}/export?${new URLSearchParams([...filters, ["format", format]])}`;
  const list = filters.length ? `${path}?${new URLSearchParams(filters)}` : path;
  return (
    <Files path={list} command={command}>
      <Menu.Item component="a" href={file("csv")} download>{t("export.csv")}</Menu.Item>
      <Menu.Item component="a" href={file("json")} download>{t("export.json")}</Menu.Item>
    </Files>
  );
}

function save(name: string, kind: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: kind }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

interface Shown<T> {
  name: string;
  heads: string[];
  rows: readonly T[];
  all?: () => Promise<readonly T[]>; // where the page has only the first of them
  row: (one: T) => Cell[];
  path: string; // the request they came from
  command?: string;
}

export function ExportShown<T>({ name, heads, rows, all, row, path, command }: Shown<T>) {
  const { t } = useTranslation();
  const [error, setError] = useState<unknown>(null);
  const write = async (kind: string, ending: string, text: (rows: readonly T[]) => string) => {
    setError(null);
    try {
      save(`${name}.${ending}`, kind, text(all ? await all() : rows));
    } catch (failed) {
      setError(failed); // no file rather than half of one
    }
  };
  return (
    <span className="row">
      {error ? <span className="critical" role="alert">{problemTexts(error, t as never).title}</span> : null}
      <Files path={path} command={command}>
        <Menu.Item onClick={() => void write("text/csv;charset=utf-8", "csv", (found) => csv(heads, found.map(row)))}>{t("export.csv")}</Menu.Item>
        <Menu.Item onClick={() => void write("application/json", "json", (found) => JSON.stringify(found, null, 2))}>{t("export.json")}</Menu.Item>
      </Files>
    </span>
  );
}
