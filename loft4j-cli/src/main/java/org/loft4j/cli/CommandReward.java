package org.loft4j.cli;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.Shown;
import org.loft4j.io.Json;
import org.loft4j.tensor.Uninterrupted;
import org.loft4j.train.Reward;

/**
 * A program that judges answers: it reads {@code {"prompt": …, "completion": …, "columns": {…}}} a line, and writes a number a line. It is
 * started once, and ends with the run.
 */
final class CommandReward implements Reward, AutoCloseable {
    /** Of what the program says of its faults: so many lines are kept. */
    private static final int KEPT = 8;

    private static final int PATIENCE_SECONDS = 2;

    /** How often it is looked whether the run is asked to stop. */
    private static final int LOOK_MILLIS = 50;

    /** How long a program that has ended may be ahead of the stop that ended it, too. */
    private static final int LAG_MILLIS = 1000;

    private final String command;
    private final int timeout;
    private final BooleanSupplier left;
    // empty where there is no more to ask
    private final BlockingQueue<Optional<String>> questions = new LinkedBlockingQueue<>();
    // empty where the program has closed its output
    private final BlockingQueue<Optional<String>> lines = new LinkedBlockingQueue<>();
    private final Deque<String> said = new ArrayDeque<>();
    private volatile @Nullable Running running;
    private boolean killed;
    // a signal ends Java without close, and a program need not notice that nobody asks it any more
    private @Nullable AtExit end;

    /** @param ofFaults reads its standard error */
    private record Running(Process process, Thread ofFaults) {}

    /**
     * A program that is still to be started.
     *
     * @param command program and arguments, with blanks between; quotes keep some together, and no shell reads them
     * @param timeout of an answer, in seconds
     * @param left whether the run is asked to stop: an answer that is judged then is given up
     */
    CommandReward(String command, int timeout, BooleanSupplier left) {
        this.command = command;
        this.timeout = timeout;
        this.left = left;
    }

    /** @throws ConfigException if it cannot be started */
    synchronized void start() {
        end = new AtExit(this::kill);
        Process process;
        try {
            process = new ProcessBuilder(words(command)).start();
        } catch (IOException e) {
            throw unfit(command, "cannot be started: " + e.getMessage());
        }
        // a program that does not read would keep the training waiting, whatever the timeout
        begin(() -> ask(process));
        read(process.getInputStream(), line -> lines.add(Optional.of(line)), () -> lines.add(Optional.empty()));
        running = new Running(process, read(process.getErrorStream(), this::keep, () -> {}));
        if (killed) {
            kill();
        }
    }

    private Running running() {
        return Objects.requireNonNull(running, "not started");
    }

    private static ConfigException unfit(String command, String why) {
        return new ConfigException("--reward command:" + command + ": " + why);
    }

    /**
     * What a program is called with: what stands between blanks, where those within quotes are none.
     *
     * @throws ConfigException if there is nothing, or a quote is not closed
     */
    static List<String> words(String command) {
        List<String> words = new ArrayList<>();
        StringBuilder word = null;
        char quote = 0;
        for (char c : command.toCharArray()) {
            if (quote == 0 && Character.isWhitespace(c)) {
                if (word != null) {
                    words.add(word.toString());
                }
                word = null;
                continue;
            }
            word = word == null ? new StringBuilder() : word;
            if (quote == 0 && (c == '"' || c == '\'')) {
                quote = c;
            } else if (c == quote) {
                quote = 0;
            } else {
                word.append(c);
            }
        }
        if (quote != 0) {
            throw unfit(
                    command,
                    "the quote " + quote
                            + " is not closed: quotes keep blanks within an argument, and one that is meant"
                            + " itself stands in quotes of the other kind");
        }
        if (word != null) {
            words.add(word.toString());
        }
        if (words.isEmpty() || words.get(0).isEmpty()) {
            throw new ConfigException("--reward command: names no program: command:PROGRAM ARGUMENTS");
        }
        return words;
    }

    /**
     * The program of a command, as it is named there.
     *
     * @throws ConfigException if there is none, or it is not found; on Windows that shows when it is started
     */
    static String executable(String command) {
        String program = words(command).get(0);
        String path = System.getenv("PATH");
        boolean named = program.contains("/");
        if (File.separatorChar == '/' && (named || path != null)) {
            Stream<String> places = named ? Stream.of("") : Stream.of(path.split(File.pathSeparator, -1));
            if (places.map(place -> new File(place.isEmpty() ? null : place, program))
                    .noneMatch(file -> file.isFile() && file.canExecute())) {
                throw unfit(
                        command,
                        "cannot be started: there is no program " + program
                                + (named ? ", or it may not be executed" : " on the PATH"));
            }
        }
        return program;
    }

    private void keep(String line) {
        synchronized (said) {
            said.add(line);
            if (said.size() > KEPT) {
                said.remove();
            }
        }
    }

    private static Thread begin(Runnable work) {
        Thread thread = new Thread(work, "loft4j-reward");
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private void ask(Process process) {
        try (Writer in = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8)) {
            Optional<String> question = questions.take();
            while (question.isPresent()) {
                in.write(question.get());
                in.flush();
                question = questions.take();
            }
        } catch (IOException | InterruptedException e) {
            // the program has gone, which its output shows
        }
    }

    private static Thread read(InputStream from, Consumer<String> each, Runnable end) {
        return begin(() -> {
            try (BufferedReader reader = new BufferedReader(new InputStreamReader(from, StandardCharsets.UTF_8))) {
                for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                    each.accept(line);
                }
            } catch (IOException e) {
                // the program has gone
            } finally {
                end.run();
            }
        });
    }

    @Override
    public double of(Answer answer) throws IOException {
        Optional<String> early = lines.poll();
        if (early != null) {
            throw early.isEmpty()
                    ? ended()
                    : fault("has written " + Shown.text(early.get())
                            + " before it was asked: it must write one line for each that it reads");
        }
        Map<String, @Nullable Object> asked = new LinkedHashMap<>();
        asked.put("prompt", answer.prompt());
        asked.put("completion", answer.completion());
        asked.put("columns", answer.columns());
        questions.add(Optional.of(Json.text(asked) + "\n"));
        Optional<String> line = next();
        if (line == null && left.getAsBoolean()) {
            throw new IOException("the program " + command + " was not waited for: the run is asked to stop");
        }
        if (line == null) {
            throw fault(
                    "has not judged an answer within " + timeout
                            + " s: --reward-timeout gives it longer; it must write a line for each that it reads, and flush it");
        }
        if (line.isEmpty()) {
            throw ended();
        }
        try {
            return Double.parseDouble(line.get().strip());
        } catch (NumberFormatException e) {
            throw fault("has written " + Shown.text(line.get()) + ", which is no number");
        }
    }

    /** What the program writes; null where it has not in time, or the run is asked to stop. */
    private @Nullable Optional<String> next() {
        long start = System.nanoTime();
        Optional<String> line = null;
        while (line == null && !left.getAsBoolean() && System.nanoTime() - start < TimeUnit.SECONDS.toNanos(timeout)) {
            line = Uninterrupted.await(() -> lines.poll(LOOK_MILLIS, TimeUnit.MILLISECONDS));
        }
        return line;
    }

    private IOException ended() {
        boolean gone = isGone();
        // a Ctrl-C ends the program as well, which is no fault of its own
        for (int waited = 0; waited < LAG_MILLIS && !left.getAsBoolean(); waited += LOOK_MILLIS) {
            Uninterrupted.await(() -> {
                Thread.sleep(LOOK_MILLIS);
                return true;
            });
        }
        return fault(gone ? "has ended with status " + running().process().exitValue() : "has closed its output");
    }

    private boolean isGone() {
        return Uninterrupted.await(() -> running().process().waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS));
    }

    private IOException fault(String what) {
        Running now = running();
        if (!now.process().isAlive()) {
            // what it has said last may still be on its way
            Uninterrupted.await(() -> {
                now.ofFaults().join(TimeUnit.SECONDS.toMillis(PATIENCE_SECONDS));
                return true;
            });
        }
        String faults;
        synchronized (said) {
            faults = String.join(" / ", said);
        }
        return new IOException(
                "the program " + command + " " + what + (faults.isEmpty() ? "" : "; it has said last: " + faults));
    }

    /** The program, and what it has started. */
    private List<ProcessHandle> all() {
        Running now = running;
        return now == null
                ? List.of()
                : Stream.concat(
                                now.process().descendants(),
                                Stream.of(now.process().toHandle()))
                        .toList();
    }

    /** Ends it at once, and one that is being started as soon as it runs. May be called from any thread. */
    synchronized void kill() {
        killed = true;
        all().forEach(ProcessHandle::destroyForcibly);
    }

    /** Lets it see the end of what it reads, then asks it, and what it has started, to end, and ends them where neither is enough. */
    @Override
    public void close() {
        if (end != null) {
            end.close();
        }
        // of one that has ended nobody can tell what it had started
        List<ProcessHandle> all = all();
        questions.add(Optional.empty());
        if (running == null) {
            return;
        }
        boolean gone = isGone();
        List<ProcessHandle> living = all.stream().filter(ProcessHandle::isAlive).toList();
        living.forEach(ProcessHandle::destroy);
        CompletableFuture.allOf(living.stream().map(ProcessHandle::onExit).toArray(CompletableFuture[]::new))
                .completeOnTimeout(null, PATIENCE_SECONDS, TimeUnit.SECONDS)
                .join();
        living.forEach(ProcessHandle::destroyForcibly);
        if (!gone) {
            isGone();
        }
    }
}
