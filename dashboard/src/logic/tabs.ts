// The tabs of the bar on top, with how many wait in each. Pure.

import type { ActiveAlert, Summary, SwitchedOff } from "~/api/types";
import type { FirstKey } from "~/text/first";
import { count } from "./format";

export interface Tab {
  to: string;
  label: FirstKey;
  short?: FirstKey; // on a telephone
  count?: { long: string; short: string; tone: "critical" | "warning" };
}

interface Counted {
  alerts?: { alerts: readonly ActiveAlert[]; total: number };
  summary?: Summary | SwitchedOff;
}

export function tabs({ alerts, summary }: Counted): Tab[] {
  const counted = (many: number | null | undefined, tone: "critical" | "warning") =>
    many ? { long: count(many), short: many < 1000 ? String(many) : `${Math.floor(many / 1000)}k`, tone } : undefined;
  const critical = alerts?.alerts.some((alert) => alert.severity === "critical" && alert.status === "firing");
  return [
    { to: "/", label: "tab.overview" },
    { to: "/alerts", label: "tab.alerts", count: counted(alerts?.total, critical ? "critical" : "warning") },
    { to: "/integrity", label: "tab.integrity", count: counted(summary?.unhealthy_projects, "critical") },
    { to: "/performance", label: "tab.performance", short: "tab.performance.short" },
    { to: "/jobs", label: "tab.jobs", short: "tab.jobs.short" },
  ];
}
