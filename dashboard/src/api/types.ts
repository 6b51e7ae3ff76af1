// Short names for the shapes of openapi.json.

import type { components } from "./schema";

type Shapes = components["schemas"];

export type Summary = Shapes["IntegritySummary"];
export type SwitchedOff = Shapes["SwitchedOffSummary"];
export type ProjectRow = Shapes["ProjectRow"];
export type ProjectView = Shapes["ProjectView"];
export type Finding = Shapes["FindingView"];
export type FindingEntry = Shapes["FindingEntry"];
export type Stats = Shapes["PerformanceStats"];
export type TrendPoint = Shapes["TrendPoint"];
export type Trend = Shapes["PerformanceTrend"];
export type ActiveAlert = Shapes["ActiveAlert"];
export type Alert = Shapes["Alert"];
export type AlertDetails = Shapes["AlertDetails"];
export type AlertTransition = Shapes["AlertTransition"];
export type Silence = Shapes["SilenceView"];
export type Matcher = Shapes["MatcherView"];
export type Shift = Shapes["ShiftView"];
export type Reloaded = Shapes["Reloaded"];
export type RuleFigures = Shapes["RuleAlertFigures"];
export type Rule = Shapes["RuleView"];
export type Readiness = Shapes["Readiness"];
export type DeadLetter = Shapes["DeadLetterView"];
export type Handled = Shapes["Handled"];
export type Job = Shapes["JobStatus"];
export type ReplayJob = Shapes["ReplayJob"];
export type AuditRow = Shapes["AuditRow"];
export type RepairPlan = Shapes["RepairPlan"];
export type RepairPlanSummary = Shapes["RepairPlanSummary"];
export type Severity = ActiveAlert["severity"];
