// The verdict in one sentence, and below it what needs a person, worst first.

import type { UseQueryResult } from "@tanstack/react-query";
import { Link } from "react-router";
import { useFormat } from "~/app/use-format";
import { MOST, verdict, type Item } from "~/logic/attention";
import { said } from "~/logic/say";
import { Bones, Failed, State } from "~/parts/Answer";
import { Icon } from "~/parts/Icon";
import { Ago } from "~/parts/Moment";
import { ProjectName } from "~/parts/ProjectName";
import { SeverityTag } from "~/parts/Severity";
import { useTranslation } from "~/text";

function Row({ item }: { item: Item }) {
  const { t } = useTranslation();
  const { language } = useFormat();
  const here = item.to.startsWith("#");
  const step = (
    <>
      {t(item.step)}
      <Icon name="right" size={12} />
    </>
  );
  return (
    <li className={`need need-${item.tone}`}>
      <SeverityTag severity={item.tone} />
      <div className="need-text">
        <p>
          {item.name ? <><ProjectName id={item.name} className="strong" /> <span className="muted">·</span> </> : null}
          <span>{said(item.title, language)}</span>
        </p>
        <p className="note name">{said(item.detail, language)}</p>
      </div>
      <span className="note need-since">{item.since ? <Ago at={item.since} /> : null}</span>
      {here ? <a className="plain outlined" href={item.to} onClick={(event) => { event.preventDefault(); document.getElementById("monitor")?.scrollIntoView({ block: "center" }); }}>{step}</a> : <Link className="plain outlined" to={item.to}>{step}</Link>}
    </li>
  );
}

export function Attention({ items, alerts, summary }: { items: Item[]; alerts: UseQueryResult<unknown>; summary: UseQueryResult<unknown> }) {
  const { t } = useTranslation();
  const format = useFormat();
  const known = alerts.data !== undefined && summary.data !== undefined;
  const failed = alerts.data === undefined ? alerts.error : summary.data === undefined ? summary.error : null;
  const { says, tone } = verdict(items, known);
  return (
    <section className="panel attention" aria-labelledby="attention">
      <div className="panel-head">
        <h2 id="attention" className={tone}>{said(says, format.language)}</h2>
        <Link className="push plain" to="/alerts">{t("attention.all")}</Link>
      </div>
      {failed && !items.length ? <Failed error={failed} /> : !known && !items.length ? <Bones lines={5} /> : null}
      {items.length ? (
        <ul>
          {items.slice(0, MOST).map((item) => <Row key={item.id} item={item} />)}
          {items.length > MOST ? <li className="pager"><Link to="/alerts">{t("attention.more", { more: format.count(items.length - MOST) })}</Link></li> : null}
        </ul>
      ) : known ? (
        <State icon="good" title={t("attention.calm")}>{t("attention.calm.detail")}</State>
      ) : null}
    </section>
  );
}
