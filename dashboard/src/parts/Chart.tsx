// A line chart: thresholds, moments of alerts, one cursor over all charts of a page, and a brush that zooms all of them.

import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useFormat } from "~/app/use-format";
import { usePreferences } from "~/app/preferences";
import type { Series } from "~/logic/trend";
import { useTranslation } from "~/text";

export type LineTone = "accent" | "critical" | "warning" | "good" | "muted";

export interface Line {
  label: string;
  tone: LineTone;
  points: Series;
  isDashed?: boolean;
}

interface Props {
  title: string;
  unit: string; // with the space before it, where its language has one
  lines: Line[];
  threshold?: number;
  marks?: number[]; // milliseconds
  height?: number;
  range: { from: number; to: number }; // seconds
  onZoom?: (range: { from: number; to: number } | null) => void; // seconds
  zoom?: { from: number; to: number } | null;
}

const COLOURS: Record<LineTone, string> = { accent: "--info-fill", critical: "--critical-fill", warning: "--warning-fill", good: "--good-fill", muted: "--text-3" };
const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const FONT = "11px system-ui, sans-serif";

/** All lines over the same times, as uPlot wants them. */
function together(lines: Line[]): uPlot.AlignedData {
  return uPlot.join(lines.map((line) => line.points as unknown as uPlot.AlignedData), lines.map(() => [1, 1])) as uPlot.AlignedData;
}

const latest = (values: ArrayLike<number | null | undefined> | undefined): number | null => Array.from(values ?? []).findLast((value) => value !== null && value !== undefined) ?? null;

function drawMarks(threshold: number | undefined, marks: number[]) {
  return (chart: uPlot) => {
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.lineWidth = devicePixelRatio;
    const line = (x1: number, y1: number, x2: number, y2: number, tone: string, dash: number[]) => {
      ctx.strokeStyle = colour(tone);
      ctx.setLineDash(dash.map((one) => one * devicePixelRatio));
      ctx.beginPath();
      ctx.moveTo(x1, y1);
      ctx.lineTo(x2, y2);
      ctx.stroke();
    };
    if (threshold !== undefined && Number.isFinite(threshold)) {
      const y = Math.round(chart.valToPos(threshold, "y", true));
      if (y >= bbox.top) line(bbox.left, y, bbox.left + bbox.width, y, "--critical-fill", [5, 4]);
    }
    for (const mark of marks) {
      const x = Math.round(chart.valToPos(mark / 1000, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      line(x, bbox.top, x, bbox.top + bbox.height, "--warning-fill", [2, 3]);
      ctx.fillStyle = colour("--warning-fill");
      ctx.beginPath();
      ctx.arc(x, bbox.top, 3 * devicePixelRatio, 0, 2 * Math.PI);
      ctx.fill();
    }
    ctx.restore();
  };
}

export function Chart({ title, unit, lines, threshold, marks = [], height = 170, range, zoom, onZoom }: Props) {
  const holder = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const zoomed = useRef(onZoom);
  zoomed.current = onZoom;
  const format = useFormat();
  const { t } = useTranslation();
  const { theme } = usePreferences().now;
  const key = JSON.stringify([title, unit, lines.map((line) => [line.label, line.tone, line.isDashed]), threshold, marks, height, theme, format.language, format.zone]);
  const data = together(lines);
  useEffect(() => {
    const place = holder.current;
    if (!place) return;
    const text = (value: number | null) => (value === null ? "–" : `${format.count(Math.round(value * 1000) / 1000)}${unit}`);
    const axis = { stroke: colour("--text-3"), font: FONT, ticks: { show: false }, grid: { stroke: colour("--line"), width: 1 } };
    const made = new uPlot(
      {
        width: place.clientWidth || 600,
        height,
        cursor: { sync: { key: "charts" }, points: { size: 6 }, drag: { x: true, y: false, setScale: false } },
        legend: { live: true },
        padding: [10, 20, 0, 0],
        scales: {
          x: { time: true },
          y: { range: (_, min, max) => [0, Math.max(max ?? 0, min ?? 0, Number.isFinite(threshold) ? (threshold ?? 0) : 0) * 1.15 || 1] },
        },
        axes: [
          { ...axis, size: 26, values: (_, splits, __, ___, step) => splits.map((at) => (step >= 86_400 ? format.day(at * 1000).replace(/,? ?00:00$/, "") : format.minute(at * 1000))), space: 60 },
          { ...axis, size: 48, values: (_, splits) => splits.map((value) => `${format.count(value)}${unit}`), space: 34 },
        ],
        series: [
          { label: t("alert.at"), value: (_, at) => (at === null ? "" : format.day(at * 1000)) },
          ...lines.map((line) => ({ label: line.label, stroke: colour(COLOURS[line.tone]), width: line.isDashed ? 1.25 : 1.75, dash: line.isDashed ? [4, 3] : undefined, points: { show: data[0].length < 40, size: 5 }, value: (self: uPlot, value: number | null, place: number) => text(value ?? latest(self.data[place])) })),
        ],
        hooks: {
          draw: [drawMarks(threshold, marks)],
          setSelect: [
            (self) => {
              if (self.select.width > 4) zoomed.current?.({ from: self.posToVal(self.select.left, "x"), to: self.posToVal(self.select.left + self.select.width, "x") });
              self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
        },
      },
      data,
      place,
    );
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: place.clientWidth, height }));
    observer.observe(place);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = null;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `key` is all that the chart is made of; its data follows below
  }, [key]);
  useEffect(() => {
    chart.current?.batch(() => {
      chart.current?.setData(data, false);
      const shown = zoom ?? range;
      chart.current?.setScale("x", { min: shown.from, max: shown.to });
    });
  }, [data, zoom, range, key]);
  return <div ref={holder} className="chart" role="img" aria-label={title} style={{ minHeight: height + 28 }} onDoubleClick={() => onZoom?.(null)} />;
}
