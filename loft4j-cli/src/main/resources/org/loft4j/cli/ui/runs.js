/** The head of the page: every run with its state, how far it is, and the best it has shown. Then results and settings. */
import {duration, element, number} from "loft/format";

const STATES = {
    running: "running", quiet: "no news", finished: "finished", stopped_early: "stopped early", stopped: "stopped", diverged: "diverged", unknown: "",
};

function left(run) {
    const status = run.info.status;
    if (status === "running" || status === "quiet") {
        return duration(run.secondsLeft) + " left";
    }
    return duration(run.training.seconds.at(-1)) + " taken";
}

function since(time) {
    return time ? "since " + new Date(time).toLocaleString() : null;
}

/** The metric that chooses the best evaluation. */
function metric(run) {
    const named = run.about.metric_for_best ?? "loss";
    return run.metrics.includes(named) ? named : "loss";
}

function row(run, store) {
    const share = run.totalSteps > 0 ? run.step / run.totalSteps : 0;
    const best = run.best(metric(run));
    const status = run.info.status ?? "unknown";
    return element("tr", {class: run.shown ? null : "off", "data-run": run.name, "data-status": status},
        element("td", {},
            element("button", {
                type: "button", class: "swatch", "aria-pressed": String(run.shown), title: "show or hide",
                style: {background: run.shown ? run.colour : "transparent", borderColor: run.colour},
                onclick: () => store.toggle(run),
            }), element("b", {title: run.id}, run.name)),
        element("td", {}, run.about.method ?? ""),
        element("td", {title: since(run.info.last_write)}, element("span", {class: "state " + status}, STATES[status] ?? status)),
        element("td", {class: "progress"},
            element("span", {class: "bar"}, element("span", {style: {width: 100 * Math.min(1, share) + "%", background: run.colour}})),
            element("span", {}, `${run.step.toLocaleString("en")} / ${run.totalSteps.toLocaleString("en")}`)),
        element("td", {}, left(run)),
        element("td", {}, number(run.training.loss.at(-1))),
        element("td", {}, best === null ? "–" : `${metric(run)} ${number(best.value)}`,
            best === null ? null : element("small", {}, ` step ${best.step.toLocaleString("en")}`)));
}

export function drawRuns(root, store) {
    if (store.all.length === 0) {
        root.replaceChildren(element("p", {class: "empty"},
            "No run yet. One shows here as soon as it has written its first line of metrics."));
        return;
    }
    const head = ["run", "method", "state", "progress", "time", "loss", "best evaluation"];
    root.replaceChildren(element("div", {class: "wide panel"}, element("table", {},
        element("thead", {}, element("tr", {}, ...head.map(text => element("th", {}, text)))),
        element("tbody", {}, ...store.all.map(run => row(run, store))))));
}

export function drawResults(root, store) {
    const runs = store.shown.filter(run => run.evaluations.length > 0);
    const names = [...new Set(runs.flatMap(run => run.metrics))];
    root.hidden = runs.length === 0;
    const cell = (run, name) => {
        const best = run.best(name);
        return element("td", {}, number(run.evaluations.at(-1)["eval_" + name]),
            best === null ? null : element("small", {}, ` best ${number(best.value)} at ${best.step.toLocaleString("en")}`));
    };
    root.replaceChildren(
        element("h2", {}, "Evaluations"),
        element("div", {class: "wide panel"}, element("table", {},
            element("thead", {}, element("tr", {}, ...["run", "step", ...names].map(text => element("th", {}, text)))),
            element("tbody", {}, ...runs.map(run => element("tr", {},
                element("td", {}, element("i", {class: "dot", style: {background: run.colour}}), run.name),
                element("td", {}, run.lastEvaluated.toLocaleString("en")),
                ...names.map(name => cell(run, name))))))));
}

export function drawSettings(root, store) {
    const runs = store.shown.filter(run => run.info.settings);
    root.hidden = runs.length === 0;
    const told = JSON.stringify(runs.map(run => [run.name, run.info.settings]));
    if (root.hidden || told === root.told) {
        return;
    }
    root.told = told;
    const text = value => value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    const keys = [...new Set(runs.flatMap(run => Object.keys(run.info.settings)))];
    const differs = key => new Set(runs.map(run => text(run.info.settings[key]))).size > 1;
    keys.sort((a, b) => differs(b) - differs(a));
    root.replaceChildren(element("details", {open: root.querySelector("details")?.open ?? false},
        element("summary", {}, element("h2", {}, "Settings")),
        element("div", {class: "wide panel"}, element("table", {class: "words"},
            element("thead", {}, element("tr", {}, element("th", {}, "setting"), ...runs.map(run => element("th", {}, run.name)))),
            element("tbody", {}, ...keys.map(key => element("tr", {class: differs(key) ? "differs" : null},
                element("td", {}, key), ...runs.map(run => element("td", {}, text(run.info.settings[key]))))))))));
}
