// Who is on call in each schedule, and overrides.

import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { acts } from "~/api/acts";
import { reads } from "~/api/reads";
import type { Shift } from "~/api/types";
import { inWords } from "~/logic/sentences";
import { ActDialog, useAct } from "~/parts/ActDialog";
import { Answer, State } from "~/parts/Answer";
import { Ago, At } from "~/parts/Moment";
import { Panel } from "~/parts/Panel";
import { useTranslation } from "~/text";
import { Receivers } from "./Receivers";

function Override({ schedule, close }: { schedule: string; close: () => void }) {
  const { t } = useTranslation();
  const [person, setPerson] = useState("");
  return (
    <ActDialog
      close={close}
      act={{
        title: t("oncall.override.new"),
        submit: t("oncall.override.new"),
        minutes: [60, 240, 480, 1440, 10080],
        what: <p className="note">{t("oncall.override.what", { schedule })}</p>,
        extra: <TextInput label={t("oncall.person")} required maxLength={200} value={person} onChange={(event) => setPerson(event.target.value)} />,
        run: ({ by, comment, minutes, headers }) => acts.override({ by, comment, schedule, person: person.trim(), minutes, since: null, until: null }, headers),
      }}
    />
  );
}

function Schedule({ shift, override }: { shift: Shift; override: () => void }) {
  const { t } = useTranslation();
  const person = (name: string | null | undefined) => <strong className={`name${name ? "" : " warning"}`}>{name ?? t("oncall.nobody")}</strong>;
  return (
    <tr>
      <td className="name strong">{shift.schedule}</td>
      <td>{person(shift.person)}<div className="sub name">{inWords(shift.source)}</div></td>
      <td className="sub">{shift.until ? <At at={shift.until} /> : "–"}</td>
      <td>{shift.next ? <>{shift.next.person === shift.person ? <span className="sub">{t("oncall.stays")}</span> : person(shift.next.person)} <span className="sub">{shift.next.since ? <At at={shift.next.since} /> : null}</span></> : "–"}</td>
      <td className="name">{shift.receiver}</td>
      <td className="acts"><button type="button" className="plain outlined" onClick={override}>{t("oncall.override")}</button></td>
    </tr>
  );
}

function Overrides() {
  const { t } = useTranslation();
  const [dialog, open] = useAct();
  const query = useQuery(reads.overrides());
  return (
    <Panel title={t("oncall.overrides")}>
      {dialog}
      <Answer of={query} lines={2}>
        {({ overrides }) =>
          overrides.length ? (
            <div className="table-wrap">
              <table className="table">
                <thead><tr><th>{t("oncall.schedule")}</th><th>{t("oncall.person")}</th><th>{t("silence.starts")}</th><th>{t("silence.ends")}</th><th>{t("silence.by")}</th><th><span className="sr">{t("alerts.acts")}</span></th></tr></thead>
                <tbody>
                  {overrides.map((one) => (
                    <tr key={one.id}>
                      <td className="name">{one.schedule}</td>
                      <td className="name strong">{one.person}</td>
                      <td className="sub"><At at={one.since} /></td>
                      <td className="sub"><At at={one.until} /> (<Ago at={one.until} />)</td>
                      <td className="name">{one.by}<div className="sub name">{one.comment}</div></td>
                      <td className="acts"><button type="button" className="plain" onClick={() => open({ title: t("oncall.override.remove"), submit: t("oncall.override.remove"), comment: "none", what: <strong className="name">{one.person}</strong>, run: ({ by, headers }) => acts.removeOverride(one.id, by, headers) })}>{t("oncall.override.remove")}</button></td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <p className="panel-body note">{t("oncall.overrides.none")}</p>
          )
        }
      </Answer>
    </Panel>
  );
}

export function OnCall() {
  const { t } = useTranslation();
  const [schedule, setSchedule] = useState<string | null>(null);
  const query = useQuery(reads.onCall());
  return (
    <div className="stack">
      {schedule === null ? null : <Override schedule={schedule} close={() => setSchedule(null)} />}
      <Panel title={t("oncall.title")}>
        <Answer of={query} lines={3}>
          {({ schedules }) =>
            schedules.length ? (
              <div className="table-wrap">
                <table className="table">
                  <thead><tr><th>{t("oncall.schedule")}</th><th>{t("oncall.now")}</th><th>{t("silence.ends")}</th><th>{t("oncall.then")}</th><th>{t("alert.receiver")}</th><th><span className="sr">{t("alerts.acts")}</span></th></tr></thead>
                  <tbody>{schedules.map((shift) => <Schedule key={shift.schedule} shift={shift} override={() => setSchedule(shift.schedule)} />)}</tbody>
                </table>
              </div>
            ) : (
              <State icon="person" title={t("oncall.empty")}>{t("oncall.empty.detail")}</State>
            )
          }
        </Answer>
      </Panel>
      <Overrides />
      <Receivers />
    </div>
  );
}
