// Which page is at which address. Addresses are behind `#`, so that the page works below any path of any proxy.

import { lazy } from "react";
import { HashRouter, Navigate, Route, Routes, useParams } from "react-router";
import { Guard } from "~/parts/Guard";
import { Shell } from "./Shell";
import { toProject } from "~/logic/address";
import { Overview } from "~/pages/overview/Overview";
import { NotFound, PageFailed } from "~/pages/NotFound";

const READ_AHEAD_MS = 2000;

/** Loaded when it is opened, or soon after the first page: a worker that has died by then does not break the others. */
const page = <T extends string>(load: () => Promise<Record<T, React.ComponentType>>, name: T) => {
  setTimeout(() => void load().catch(() => undefined), READ_AHEAD_MS);
  return lazy(async () => ({ default: (await load())[name] }));
};

const Alerts = page(() => import("~/pages/alerts/Alerts"), "Alerts");
const AlertPage = page(() => import("~/pages/alerts/AlertPage"), "AlertPage");
const Integrity = page(() => import("~/pages/integrity/Integrity"), "Integrity");
const ProjectPage = page(() => import("~/pages/integrity/ProjectPage"), "ProjectPage");
const PlanPage = page(() => import("~/pages/integrity/PlanPage"), "PlanPage");
const Performance = page(() => import("~/pages/performance/Performance"), "Performance");
const Jobs = page(() => import("~/pages/jobs/Jobs"), "Jobs");

/** `#project=ID`, as the page was linked to before it had tabs. */
function OldLink() {
  const found = /^project=(.+)$/.exec(useParams()["*"] ?? "");
  return found ? <Navigate to={toProject(found[1] ?? "")} replace /> : <NotFound />;
}

export const Pages = () => (
  <HashRouter>
    <Guard page={PageFailed}>
      <Routes>
        <Route element={<Shell />}>
          <Route index element={<Overview />} />
          <Route path="alerts/:section?" element={<Alerts />} />
          <Route path="alert" element={<AlertPage />} />
          <Route path="integrity/:section?" element={<Integrity />} />
          <Route path="project" element={<ProjectPage />} />
          <Route path="plan" element={<PlanPage />} />
          <Route path="performance" element={<Performance />} />
          <Route path="jobs/:section?" element={<Jobs />} />
          <Route path="*" element={<OldLink />} />
        </Route>
      </Routes>
    </Guard>
  </HashRouter>
);
