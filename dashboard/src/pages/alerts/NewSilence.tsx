// A silence by conditions, with what it would hide now.

import { Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";
import { acts } from "~/api/acts";
import { ok, within, api } from "~/api/client";
import { headersWith, token } from "~/app/actor";
import type { Matcher } from "~/api/types";
import { parseMatchers } from "~/logic/matchers";
import { ActDialog } from "~/parts/ActDialog";
import { Failed } from "~/parts/Answer";

const MOST = 10;

function Preview({ matchers }: { matchers: Matcher[] }) {
  const { t } = useTranslation();
  const preview = useQuery({
    queryKey: ["preview", matchers],
    enabled: matchers.length > 0,
    queryFn: ({ signal }) => ok(api.POST("/monitoring/episodes/silences/preview", { body: { by: "", matchers }, headers: headersWith(token()), signal: within(signal) })),
  });
  if (!matchers.length) return <p className="note">{t("silence.preview.empty")}</p>;
  if (preview.error) return <Failed error={preview.error} />;
  if (!preview.data) return <p className="note">{t("state.loading")}</p>;
  const { matches, total } = preview.data;
  return (
    <div className="notice notice-info" role="status">
      <div>
        <strong>{t("silence.preview", { total })}</strong>
        <ul>{matches.slice(0, MOST).map((key) => <li key={key}><code className="name">{key}</code></li>)}</ul>
        {total > MOST ? <span className="note">{t("act.and_more", { more: total - MOST })}</span> : null}
      </div>
    </div>
  );
}

export function NewSilence({ close }: { close: () => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const parsed = parseMatchers(text);
  const matchers = parsed.filter((one): one is Matcher => one !== null);
  const wrong = parsed.some((one) => one === null);
  const settled = useDeferredValue(text); // the preview may lag behind the typing
  return (
    <ActDialog
      close={close}
      act={{
        title: t("silence.new"),
        submit: t("act.silence"),
        minutes: [15, 60, 240, 1440, 10080],
        preset: 60,
        comment: "required",
        extra: (
          <>
            <Textarea label={t("silence.matchers")} description={t("silence.matchers.note")} placeholder={"severity=warning\nproject_id=~proj_.*"} rows={3} autosize={false} spellCheck={false} value={text} error={wrong ? t("silence.matchers.wrong") : undefined} onChange={(event) => setText(event.target.value)} />
            <Preview matchers={wrong ? [] : parseMatchers(settled).filter((one): one is Matcher => one !== null)} />
          </>
        ),
        run: ({ by, comment, minutes, headers }) => acts.silence({ by, comment, minutes, matchers, starts_at: null, ends_at: null }, headers),
      }}
    />
  );
}
