// Line icons, 16 px. They are ornaments: a word stands beside each.

export const PATHS = {
  critical: "M8 1.8 14.6 13.6H1.4ZM8 6v3.4M8 11.4v.6",
  warning: "M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM8 4.6v4.2M8 11v.5",
  info: "M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM8 7.4v4M8 4.8v.4",
  good: "M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM5 8.2l2.1 2.1L11 6",
  pending: "M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM8 4.5V8l2.4 1.6",
  silence: "M3 3l10 10M6 3.2A4 4 0 0 1 12 6.5V9M4.2 6v3.5L3 11.5h7.5M6.8 13.5h2.4",
  check: "M3 8.4l3.2 3.2L13 4.8",
  refresh: "M13.2 6.5A5.5 5.5 0 1 0 13.4 9M13.4 2.6v3.9H9.5",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  copy: "M5.5 5.5h8v8h-8zM3 10.5H2.5v-8h8V3",
  down: "M4 6.2 8 10l4-3.8",
  right: "M6.2 4 10 8l-3.8 4",
  menu: "M3 8h.01M8 8h.01M13 8h.01",
  person: "M8 2.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6ZM2.8 14c.4-3 2.4-4.4 5.2-4.4s4.8 1.4 5.2 4.4",
  settings: "M2 4.5h7M13 4.5h1M2 11.5h1M7 11.5h7M11 2.5v4M5 9.5v4",
  help: "M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM6.2 6.2a1.9 1.9 0 1 1 2.7 1.9c-.6.3-.9.7-.9 1.3M8 11.4v.2",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM10.4 10.4 14 14",
  lock: "M3.5 7h9v6.5h-9zM5.5 7V5a2.5 2.5 0 0 1 5 0v2",
  away: "M2 2l12 12M4.6 4.8A7 7 0 0 0 2 7M6.5 3.2A8.6 8.6 0 0 1 14 7M5 10a4.4 4.4 0 0 1 3-1.3M8 12.6v.2",
  download: "M8 2.5v7.4M4.8 7 8 10.2 11.2 7M2.5 13.5h11",
} as const;

export type IconName = keyof typeof PATHS;
