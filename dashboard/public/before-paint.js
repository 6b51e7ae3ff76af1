// Runs before the first paint, so that neither the theme nor the language flashes. `app/preferences.tsx` takes over.
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
})();
