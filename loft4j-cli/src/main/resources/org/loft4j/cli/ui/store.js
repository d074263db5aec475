/** What is known of the runs. Fed by events, be they live or those of a report. */

/** The colours of the style; more runs than these are told apart by dashes too. */
const COLOURS = 10;
const SHOWN_AT_FIRST = 10;

const TRAINING = ["loss", "learning_rate", "grad_norm", "tokens_per_second", "memory_bytes", "seconds"];

/** What is told of answers that rewards judge, as the mean of the steps since the line before. */
const SCORE = /^(reward(_.+)?|frac_reward_zero_std|completion_length|clipped_ratio|kl)$/;

class Run {
    constructor(id, index) {
        this.id = id;
        this.name = id;
        this.info = {};
        this.number = 0;
        this.shown = index < SHOWN_AT_FIRST;
        this.clear("metrics");
        this.clear("diagnostics");
        this.clear("samples");
        this.clear("completions");
    }

    /** The name of its colour in the style. */
    get ink() {
        return "run-" + this.number % COLOURS;
    }

    get colour() {
        return `var(--${this.ink})`;
    }

    get dash() {
        return this.number < COLOURS ? [] : [6, 3];
    }

    get about() {
        return this.info.about ?? {};
    }

    get step() {
        return Math.max(this.training.step.at(-1) ?? 0, this.lastEvaluated);
    }

    get lastEvaluated() {
        return this.evaluations.at(-1)?.step ?? 0;
    }

    get totalSteps() {
        return this.about.total_steps ?? this.step;
    }

    clear(file) {
        if (file === "metrics") {
            this.training = {step: []};
            TRAINING.forEach(key => this.training[key] = []);
            this.scores = [];
            this.evaluations = [];
        } else if (file === "diagnostics") {
            this.layers = [];
            this.looks = [];
        } else if (file === "samples") {
            this.samples = [];
        } else if (file === "completions") {
            this.answers = [];
        }
    }

    add(file, line) {
        if (file === "diagnostics") {
            if (line.layers) {
                this.layers = line.layers;
            } else {
                this.looks.push(line);
            }
        } else if (file === "samples") {
            this.samples.push(line);
        } else if (file === "completions") {
            this.answer(line);
        } else if (Object.keys(line).some(key => key.startsWith("eval_"))) {
            this.evaluations.push(line);
        } else {
            Object.keys(line).filter(key => SCORE.test(key) && !this.scores.includes(key)).forEach(key => {
                this.scores.push(key);
                this.training[key] = this.training.step.map(() => null);
            });
            this.training.step.push(line.step);
            [...TRAINING, ...this.scores].forEach(key => this.training[key].push(line[key] ?? null));
        }
    }

    /** The answers of one step, or of one evaluation: one that is passing makes room for the next. */
    answer(told) {
        const at = this.answers.findIndex(step => step.eval === told.eval && step.step === told.step);
        if (at >= 0) {
            this.answers[at] = told;
            return;
        }
        const last = this.answers.findLastIndex(step => step.eval === told.eval);
        if (last >= 0 && this.answers[last].passing) {
            this.answers.splice(last, 1);
        }
        this.answers.push(told);
    }

    /** Seconds to the last step, from the pace of the latest lines, evaluations included. */
    get secondsLeft() {
        const {step, seconds} = this.training;
        const last = step.length - 1;
        const from = Math.max(0, last - 20);
        if (last < 1 || seconds[last] <= seconds[from]) {
            return NaN;
        }
        return (this.totalSteps - this.step) * (seconds[last] - seconds[from]) / (step[last] - step[from]);
    }

    /** Names of what evaluations tell, without the prefix. */
    get metrics() {
        const names = new Set();
        this.evaluations.forEach(line => Object.keys(line).forEach(key => names.add(key)));
        return [...names].filter(key => key.startsWith("eval_") && key !== "eval_seconds").map(key => key.slice(5));
    }

    /** The best evaluation by a metric, as {step, value}; null if there is none. */
    best(metric) {
        const falling = (this.info.smaller_is_better ?? []).includes(metric);
        let best = null;
        for (const line of this.evaluations) {
            const value = line["eval_" + metric];
            if (line.eval_loss === null) {
                // of a loss that is no number the trainer takes nothing either
                continue;
            }
            if (Number.isFinite(value) && (best === null || (falling ? value < best.value : value > best.value))) {
                best = {step: line.step, value};
            }
        }
        return best;
    }
}

export class Store {
    constructor() {
        this.runs = new Map();
        this.listeners = [];
    }

    onChange(listener) {
        this.listeners.push(listener);
    }

    changed() {
        this.listeners.forEach(listener => listener());
    }

    get all() {
        return [...this.runs.values()];
    }

    get shown() {
        return this.all.filter(run => run.shown);
    }

    showAll() {
        this.all.forEach(run => run.shown = true);
        this.changed();
    }

    toggle(run) {
        run.shown = !run.shown;
        this.changed();
    }

    /** Takes one event; whoever calls says afterwards that something has changed. */
    apply(name, data) {
        if (name === "hello") {
            // what is hidden stays hidden over a lost connection
            this.kept = new Map(this.all.map(run => [run.id, run.shown]));
            this.runs.clear();
            return;
        }
        if (name === "gone") {
            // one that comes back is another one
            this.runs.delete(data.id);
            this.kept?.delete(data.id);
            return;
        }
        let run = this.runs.get(data.id);
        if (!run) {
            run = new Run(data.id, this.runs.size);
            run.shown = this.kept?.get(data.id) ?? run.shown;
            this.runs.set(data.id, run);
        }
        if (name === "run") {
            if (run.info.id === undefined && !this.kept?.has(data.id) && ["running", "quiet"].includes(data.status)) {
                run.shown = true;
            }
            run.name = data.name;
            run.number = data.colour;
            run.info = data;
        } else {
            if (data.from_start) {
                run.clear(data.file);
            }
            data.lines.forEach(line => run.add(data.file, line));
        }
    }
}
