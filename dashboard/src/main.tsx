// The page itself, loaded by its first view (`first/main.ts`), whose answers it takes over.

import { createTheme, MantineProvider, Menu, Modal } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { isPassing } from "./api/client";
import { PreferencesProvider } from "./app/preferences";
import { RefreshProvider } from "./app/refresh";
import { Pages } from "./app/routes";
import { handOn } from "./first/hand-on";
import "./text";

const queries = new QueryClient({
  defaultOptions: {
    queries: { retry: (failures, error) => failures < 1 && isPassing(error), retryDelay: 1000, staleTime: 5000, refetchOnWindowFocus: false, structuralSharing: true },
    mutations: { retry: false },
  },
});

handOn(queries);

const theme = createTheme({
  cursorType: "pointer",
  // Locking the scroll would write a <style> element, which the content security policy refuses.
  components: {
    Modal: Modal.extend({ defaultProps: { lockScroll: false, transitionProps: { duration: 0 } } }),
    Menu: Menu.extend({ defaultProps: { withInitialFocusPlaceholder: false, portalProps: { target: "#main" } } }), // a menu holds items alone, in a region of the page
  },
});

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={queries}>
        <PreferencesProvider>
          <RefreshProvider>
            <Pages />
          </RefreshProvider>
        </PreferencesProvider>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
