package org.loft4j.cli;

import java.io.BufferedReader;
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
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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

    /** A word: what stands between blanks, or in quotes. */
    private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|'([^']*)'|(\\S+)");

    private final String command;
    private final int timeout;
    private final Process process;
    // empty where there is no more to ask
    private final BlockingQueue<Optional<String>> questions = new LinkedBlockingQueue<>();
    // empty where the program has closed its output
    private final BlockingQueue<Optional<String>> lines = new LinkedBlockingQueue<>();
    private final Deque<String> said = new ArrayDeque<>();
    private final Thread ofFaults;

    /**
     * Starts the program.
     *
     * @param command program and arguments, with blanks between; quotes keep some together, and no shell reads them
     * @param timeout of an answer, in seconds
     * @throws ConfigException if it cannot be started
     */
    CommandReward(String command, int timeout) {
        this.command = command;
        this.timeout = timeout;
        try {
            process = new ProcessBuilder(words(command)).start();
        } catch (IOException e) {
            throw new ConfigException("--reward command:" + command + ": cannot be started: " + e.getMessage(), e);
        }
        // a program that does not read would keep the training waiting, whatever the timeout
        begin(this::ask);
        read(process.getInputStream(), line -> lines.add(Optional.of(line)), () -> lines.add(Optional.empty()));
        ofFaults = read(process.getErrorStream(), this::keep, () -> {});
    }

    /** @throws ConfigException if there is none */
    static List<String> words(String command) {
        List<String> words = new ArrayList<>();
        Matcher matcher = WORD.matcher(command);
        while (matcher.find()) {
            String quoted = matcher.group(1) != null ? matcher.group(1) : matcher.group(2);
            words.add(quoted != null ? quoted : matcher.group(3));
        }
        if (words.isEmpty()) {
            throw new ConfigException("--reward command: names no program: command:PROGRAM ARGUMENTS");
        }
        return words;
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

    private void ask() {
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
        Optional<String> line = Uninterrupted.await(() -> lines.poll(timeout, TimeUnit.SECONDS));
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

    private IOException ended() {
        return fault(isGone() ? "has ended with status " + process.exitValue() : "has closed its output");
    }

    private boolean isGone() {
        return Uninterrupted.await(() -> process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS));
    }

    private IOException fault(String what) {
        if (!process.isAlive()) {
            // what it has said last may still be on its way
            Uninterrupted.await(() -> {
                ofFaults.join(TimeUnit.SECONDS.toMillis(PATIENCE_SECONDS));
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

    /** Lets it see the end of what it reads, and ends it where that is not enough. */
    @Override
    public void close() {
        questions.add(Optional.empty());
        if (!isGone()) {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
            isGone();
        }
    }
}
