/** Feeds the page from the server, for as long as it is there. */
import {Page} from "loft/page";
import {Store} from "loft/store";

/** A page that nobody looks at lets go of its connection, of which a browser has six: a seventh page would wait for ever. */
const OUT_OF_SIGHT = 2000;

const store = new Store();
const page = new Page(store);
const connection = document.getElementById("connection");
let source = null;
let letGo;

function say(text, state) {
    connection.textContent = text;
    connection.className = state;
}

function lost() {
    const over = store.all.length > 0 && store.all.every(run => !["running", "quiet"].includes(run.info.status));
    say(over ? "no run goes on, and the server is gone" : "the server is gone; looking for it", over ? "" : "lost");
}

function connect() {
    source = new EventSource("/events");
    for (const name of ["hello", "run", "lines"]) {
        source.addEventListener(name, event => {
            store.apply(name, JSON.parse(event.data));
            store.changed();
        });
    }
    source.addEventListener("open", () => say("live", "live"));
    source.addEventListener("error", lost);
}

document.addEventListener("visibilitychange", () => {
    clearTimeout(letGo);
    if (!document.hidden && source === null) {
        connect();
    } else if (document.hidden) {
        letGo = setTimeout(() => {
            source?.close();
            source = null;
        }, OUT_OF_SIGHT);
    }
});
if (!document.hidden) {
    connect();
}
page.draw();
