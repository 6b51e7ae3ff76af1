// Runs before the first paint, so that neither the theme nor the language flashes (`app/preferences.tsx` takes over), and
// asks what the overview shows first while the page itself is still being loaded (`first/answers.ts` takes the answers).
(() => {
  const stored = (name) => {
    try {
      return JSON.parse(localStorage.getItem("episode-monitor") ?? "{}")[name];
    } catch {
      return undefined;
    }
  };
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = stored("theme");
  const root = document.documentElement;
  root.setAttribute("data-mantine-color-scheme", theme === "dark" || theme === "light" ? theme : dark ? "dark" : "light");
  root.lang = stored("language") ?? (/^ko\b/.test(navigator.language) ? "ko" : "en");
  if (!/^#?\/?$/.test(location.hash)) return;
  const first = [
    "monitoring/episodes/integrity/summary",
    `monitoring/episodes/alerts/active?limit=1000&language=${root.lang === "ko" ? "ko" : "en"}`,
    "monitoring/episodes/performance/stats?window_minutes=15",
    "monitoring/episodes/integrity/projects?status=unhealthy&sort=worst&limit=20",
    "readyz",
  ];
  window.episodeMonitorAsked = new Map(
    first.map((path) => {
      const asked = fetch(`./${path}`, { cache: "no-cache" });
      asked.catch(() => undefined); // asked again by the page
      return [new URL(path, document.baseURI).href, asked];
    }),
  );
})();
