// Acknowledge, silence, resolve: of one alert, or of many at once.

import { useQuery } from "@tanstack/react-query";
import { acts, type AlertVerb } from "~/api/acts";
import { ApiError, isOpen } from "~/api/client";
import { reads } from "~/api/reads";
import { matcherText } from "~/logic/matchers";
import type { Act, Given } from "~/parts/ActDialog";
import { useTranslation } from "~/text";

const SILENCE_MINUTES = [15, 60, 240, 1440];
const MOST_NAMED = 8;

type Named = { alert_key: string; project_id: string };

/** Each in turn: the first that is refused stops the rest, except one that has ended meanwhile. */
async function actOnAll(verb: AlertVerb, alerts: readonly Named[], { by, comment, minutes, headers }: Given): Promise<void> {
  for (const { alert_key } of alerts) {
    try {
      await acts.alert(verb, alert_key, { by, comment, ...(minutes ? { minutes } : {}) }, headers);
    } catch (error) {
      const ended = error instanceof ApiError && error.status === 409 && !isOpen(error) && alerts.length > 1;
      if (!ended) throw error;
    }
  }
}

/** Ends every silence of its own that keeps an alert quiet; one that others share ends for them too, and is named. */
export function useEndSilence() {
  const { t } = useTranslation();
  return (silences: readonly string[]): Act => ({
    title: t("act.unsilence.title"),
    submit: t("act.unsilence"),
    comment: "none",
    what: (
      <>
        <ul className="stack-tight">{silences.map((id) => <SilenceLine key={id} id={id} />)}</ul>
        <p className="note">{t("act.unsilence.what")}</p>
      </>
    ),
    run: async ({ by, headers }) => {
      for (const id of silences) await acts.expireSilence(id, by, headers);
    },
  });
}

function SilenceLine({ id }: { id: string }) {
  const { data } = useQuery(reads.silence(id));
  return <li><code className="name">{data ? data.matchers.map(matcherText).join(", ") : id}</code>{data ? <span className="note name"> {data.created_by}{data.comment ? `: ${data.comment}` : ""}</span> : null}</li>;
}

export function useAlertActs() {
  const { t } = useTranslation();
  return (verb: AlertVerb, alerts: readonly Named[]): Act => ({
    title: t(`act.${verb}.title`, { count: alerts.length }),
    submit: t(`act.${verb}`),
    preset: verb === "silence" ? 60 : undefined,
    minutes: verb === "silence" ? SILENCE_MINUTES : verb === "acknowledge" ? [0, 60, 240] : undefined,
    what: (
      <>
        <ul className="stack-tight">
          {alerts.slice(0, MOST_NAMED).map((alert) => <li key={alert.alert_key}><code className="name">{alert.alert_key}</code></li>)}
          {alerts.length > MOST_NAMED ? <li className="note">{t("act.and_more", { more: alerts.length - MOST_NAMED })}</li> : null}
        </ul>
        <p className="note">{t(`act.${verb}.what`)}</p>
      </>
    ),
    run: (given) => actOnAll(verb, alerts, given),
  });
}
