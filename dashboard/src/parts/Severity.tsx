// Severity and status by colour, icon and word.

import { sayOr, useTranslation } from "~/text";
import { Icon, type IconName } from "./Icon";

export type Tone = "critical" | "warning" | "info" | "good";

const ICONS: Record<Tone, IconName> = { critical: "critical", warning: "warning", info: "info", good: "good" };

export function Tag({ tone, icon, children }: { tone?: Tone; icon?: IconName; children: React.ReactNode }) {
  return (
    <span className={`tag${tone ? ` tag-${tone}` : ""}`}>
      {icon ? <Icon name={icon} size={13} /> : null}
      {children}
    </span>
  );
}

export function SeverityTag({ severity }: { severity: string }) {
  useTranslation();
  const tone = severity in ICONS ? (severity as Tone) : "info";
  return (
    <Tag tone={tone} icon={ICONS[tone]}>
      {sayOr(`severity.${severity}`, severity)}
    </Tag>
  );
}

const STATES: Record<string, { tone?: Tone; icon: IconName }> = {
  firing: { tone: "critical", icon: "critical" },
  pending: { tone: "warning", icon: "pending" },
  resolved: { tone: "good", icon: "good" },
  acknowledged: { tone: "info", icon: "person" },
  silenced: { icon: "silence" },
  escalated: { tone: "warning", icon: "warning" },
  repeated: { icon: "refresh" },
};

export function StatusTag({ status }: { status: string }) {
  useTranslation();
  const { tone, icon } = STATES[status] ?? { icon: "info" as const };
  return (
    <Tag tone={tone} icon={icon}>
      {sayOr(`status.${status}`, status)}
    </Tag>
  );
}

export function ToneIcon({ tone }: { tone: Tone }) {
  return (
    <span className={tone}>
      <Icon name={ICONS[tone]} />
    </span>
  );
}
