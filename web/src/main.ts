// Starts the dashboard: who is signed in, then the pages.
import { createApp } from "vue";
import App from "./App.vue";
import { router } from "./router";
import { restoreSession } from "./session";
import "./styles/tokens.css";
import "./styles/base.css";

restoreSession();
createApp(App).use(router).mount("#app");
