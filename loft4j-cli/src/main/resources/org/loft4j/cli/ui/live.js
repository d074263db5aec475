/** Feeds the page from the server, for as long as it is there. */
import {Page} from "loft/page";
import {Store} from "loft/store";

const store = new Store();
const page = new Page(store);
const connection = document.getElementById("connection");
const source = new EventSource("/events");

function say(text, state) {
    connection.textContent = text;
    connection.className = state;
}

for (const name of ["hello", "run", "lines"]) {
    source.addEventListener(name, event => {
        store.apply(name, JSON.parse(event.data));
        store.changed();
    });
}
source.addEventListener("open", () => say("live", "live"));
source.addEventListener("error", () => say("the server is gone; looking for it", "lost"));
page.draw();
