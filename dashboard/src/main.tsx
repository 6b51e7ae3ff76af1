import "@mantine/core/styles/baseline.css";
import "@mantine/core/styles/default-css-variables.css";
import "@mantine/core/styles/global.css";
import "@mantine/core/styles/UnstyledButton.css";
import "@mantine/core/styles/VisuallyHidden.css";
import "@mantine/core/styles/Paper.css";
import "@mantine/core/styles/Popover.css";
import "@mantine/core/styles/Overlay.css";
import "@mantine/core/styles/ModalBase.css";
import "@mantine/core/styles/Modal.css";
import "@mantine/core/styles/CloseButton.css";
import "@mantine/core/styles/Input.css";
import "@mantine/core/styles/Menu.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import "./styles/table.css";
import "./styles/pages.css";

import { createTheme, MantineProvider, Modal } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { PreferencesProvider } from "./app/preferences";
import { RefreshProvider } from "./app/refresh";
import { Pages } from "./app/routes";
import "./text";

const queries = new QueryClient({
  defaultOptions: {
    queries: { retry: 1, retryDelay: 1000, staleTime: 2000, refetchOnWindowFocus: false, structuralSharing: true },
    mutations: { retry: false },
  },
});

const theme = createTheme({
  cursorType: "pointer",
  // Locking the scroll would write a <style> element, which the content security policy refuses.
  components: { Modal: Modal.extend({ defaultProps: { lockScroll: false, transitionProps: { duration: 0 } } }) },
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
