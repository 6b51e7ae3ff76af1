// What is shown where there is no page, and where a page broke.

import { Link } from "react-router";
import { original } from "~/logic/sentences";
import { State } from "~/parts/Answer";
import { useTranslation } from "~/text";

export function NotFound() {
  const { t } = useTranslation();
  return (
    <div className="panel">
      <State icon="help" title={t("missing.title")} action={<Link className="plain outlined" to="/">{t("tab.overview")}</Link>}>
        {t("missing.detail")}
      </State>
    </div>
  );
}

export function PageFailed({ error }: { error: unknown }) {
  const { t } = useTranslation();
  return (
    <div className="panel">
      <State icon="critical" title={t("broken.title")} action={<button type="button" className="plain outlined" onClick={() => location.reload()}>{t("broken.reload")}</button>}>
        {original(error instanceof Error ? error.message : String(error))}
      </State>
    </div>
  );
}
