// A silence by conditions, with what it would hide now.

import { Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { acts } from "~/api/acts";
import { ok, within, api } from "~/api/client";
import { speaks } from "~/api/reads";
import { headersWith, token } from "~/app/actor";
import type { components } from "~/api/schema";
import type { Matcher, Silence } from "~/api/types";
import { localInput } from "~/logic/format";
import { matcherText, parseMatchers } from "~/logic/matchers";
import { ActDialog, type Given } from "~/parts/ActDialog";
import { Failed } from "~/parts/Answer";
import { useTranslation } from "~/text";

type SilenceBody = components["schemas"]["SilenceBody"];
const MOST = 10;

function Preview({ matchers }: { matchers: Matcher[] }) {
  const { t } = useTranslation();
  const preview = useQuery({
    queryKey: ["preview", matchers],
    enabled: matchers.length > 0,
    queryFn: ({ signal }) => ok(api.POST("/monitoring/episodes/silences/preview", { params: { query: { language: speaks() } }, body: { by: "", matchers }, headers: headersWith(token()), signal: within(signal) })),
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

/** A new silence, or the change of one: `silence`. */
export function NewSilence({ silence, close }: { silence?: Silence; close: () => void }) {
  const { t } = useTranslation();
  const now = Date.now();
  const [text, setText] = useState(silence ? silence.matchers.map(matcherText).join("\n") : "");
  const [starts, setStarts] = useState(silence && Date.parse(silence.starts_at) > now ? localInput(Date.parse(silence.starts_at)) : "");
  const [ends, setEnds] = useState(silence ? localInput(Date.parse(silence.ends_at)) : "");
  const parsed = parseMatchers(text);
  const matchers = parsed.filter((one): one is Matcher => one !== null);
  const wrong = parsed.some((one) => one === null);
  const settled = useDeferredValue(text); // the preview may lag behind the typing
  const body = ({ by, comment, minutes }: Given): SilenceBody => {
    const starts_at = starts ? new Date(starts).toISOString() : (silence?.starts_at ?? null);
    return { by, comment: comment || (silence?.comment ?? ""), matchers, starts_at, ...(ends ? { minutes: null, ends_at: new Date(ends).toISOString() } : { minutes, ends_at: null }) };
  };
  return (
    <ActDialog
      close={close}
      act={{
        title: t(silence ? "silence.edit" : "silence.new"),
        submit: t(silence ? "silence.save" : "act.silence"),
        minutes: ends ? undefined : [15, 60, 240, 1440, 10080],
        preset: 60,
        blocked: wrong || !matchers.length,
        comment: silence ? "optional" : "required",
        extra: (
          <>
            <div className="row">
              <label className="field-label">{t("silence.from")}<input className="field" type="datetime-local" value={starts} onChange={(event) => setStarts(event.target.value)} /></label>
              <label className="field-label">{t("silence.until")}<input className="field" type="datetime-local" value={ends} onChange={(event) => setEnds(event.target.value)} /></label>
            </div>
            <p className="note">{t("silence.times")}</p>
            <Textarea label={t("silence.matchers")} description={t("silence.matchers.note")} placeholder={"severity=warning\nproject_id=~proj_.*"} rows={3} autosize={false} spellCheck={false} value={text} error={wrong ? t("silence.matchers.wrong") : undefined} onChange={(event) => setText(event.target.value)} />
            <Preview matchers={wrong ? [] : parseMatchers(settled).filter((one): one is Matcher => one !== null)} />
          </>
        ),
        run: (given) => (silence ? acts.changeSilence(silence.id, body(given), given.headers) : acts.silence(body(given), given.headers)),
      }}
    />
  );
}
