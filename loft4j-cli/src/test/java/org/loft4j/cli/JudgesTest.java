package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.train.Reward;

/** What judges answers, where it takes long or fails. */
class JudgesTest {
    private static final Duration SOON = Duration.ofSeconds(30);

    /** Over n letters it tries as many ways as the eighth power of n. */
    private static final String NESTED = "a*a*a*a*a*a*a*a*b";

    @TempDir
    Path folder;

    private final AtomicBoolean left = new AtomicBoolean();

    private static Reward.Answer answer(String text) {
        return new Reward.Answer("q", text, Map.of());
    }

    private CommandReward judge(String program) {
        return new CommandReward(program.substring("command:".length()), 600, left::get);
    }

    private CommandReward started(String program) {
        CommandReward judge = judge(program);
        judge.start();
        return judge;
    }

    private void leaveAfter(int millis) {
        CompletableFuture.delayedExecutor(millis, TimeUnit.MILLISECONDS).execute(() -> left.set(true));
    }

    private static long programs() {
        return ProcessHandle.current()
                .descendants()
                .filter(ProcessHandle::isAlive)
                .count();
    }

    /** Twenty answers are judged before a program of the tests does what it is asked for. */
    private static IOException fault(CommandReward judge) throws IOException {
        for (int i = 0; i < 20; i++) {
            assertEquals(1, judge.of(answer("e")));
        }
        return assertThrows(IOException.class, () -> judge.of(answer("e")));
    }

    @Test
    void aStopIsNotKeptWaitingByAProgramThatHangs() {
        long before = programs();
        assertTimeoutPreemptively(SOON, () -> {
            try (CommandReward judge = started(RewardCalls.program("hangs"))) {
                leaveAfter(3000);
                assertTrue(String.valueOf(fault(judge).getMessage()).contains("the run is asked to stop"));
                judge.kill();
            }
        });
        assertEquals(before, programs());
    }

    /** A signal may come while it is being started. */
    @Test
    void aProgramThatIsToEndBeforeItRunsEndsAtOnce() {
        long before = programs();
        assertTimeoutPreemptively(SOON, () -> {
            try (CommandReward judge = judge(RewardCalls.program("hangs"))) {
                judge.kill();
                judge.start();
                IOException fault = assertThrows(IOException.class, () -> judge.of(answer("e")));
                assertTrue(fault.getMessage().contains("has ended with status "), fault.getMessage());
            }
        });
        assertEquals(before, programs());
    }

    /** A Ctrl-C comes to both. */
    @Test
    void aProgramThatEndsWaitsForTheStopThatEndedIt() throws IOException {
        try (CommandReward judge = new CommandReward("sleep 0", 600, left::get)) {
            judge.start();
            leaveAfter(600);
            assertThrows(IOException.class, () -> judge.of(answer("e")));
            assertTrue(left.get());
        }
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void aProgramThatStaysIsAskedToEnd() throws IOException {
        Path asked = folder.resolve("asked");
        try (CommandReward judge = started(RewardCalls.program("stays", asked.toString()))) {
            assertEquals(1, judge.of(answer("e")));
        }
        assertEquals("asked to end", Files.readString(asked));
    }

    /** What it has left running in the background goes with it. */
    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "the program is a script of the shell")
    void whatAProgramHasStartedEndsWithIt() throws Exception {
        long before = programs();
        Path script = Files.writeString(
                folder.resolve("judge.sh"), "sleep 600 >/dev/null 2>&1 &\nwhile read -r line; do echo 1; done\n");
        List<ProcessHandle> started;
        try (CommandReward judge = new CommandReward("sh '" + script + "'", 600, left::get)) {
            judge.start();
            assertEquals(1, judge.of(answer("e")));
            started = ProcessHandle.current().descendants().toList();
            assertTrue(programs() >= before + 2, started.toString());
        }
        for (ProcessHandle each : started) {
            each.onExit().get(SOON.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    @Test
    void quotesKeepBlanksWithinAnArgument() {
        assertEquals(
                List.of("judge", "--path=/my dir", "it's", "", "b"),
                CommandReward.words(" judge --path=\"/my dir\"  \"it's\" '' b"));
        assertTrue(assertThrows(ConfigException.class, () -> CommandReward.words("judge 'a b"))
                .getMessage()
                .contains("the quote ' is not closed"));
        assertThrows(ConfigException.class, () -> CommandReward.words("  "));
    }

    @Test
    void aPatternHasItsTime() throws IOException {
        Reward slow = new RegexReward(Pattern.compile(NESTED), 1, left::get);
        assertEquals(1, slow.of(answer("xaab")));
        assertEquals(0, slow.of(answer("aax")));
        Reward.Answer endless = answer("a".repeat(400) + "c");
        assertTimeoutPreemptively(SOON, () -> {
            String late = assertThrows(IllegalStateException.class, () -> slow.of(endless))
                    .getMessage();
            assertTrue(String.valueOf(late).contains("was neither found in it nor ruled out within 1 s"), late);
            Reward patient = new RegexReward(Pattern.compile(NESTED), 600, left::get);
            leaveAfter(200);
            String stopped = assertThrows(IllegalStateException.class, () -> patient.of(endless))
                    .getMessage();
            assertEquals("the run is asked to stop", stopped);
        });
        Reward deep = new RegexReward(Pattern.compile("(a|b)*c"), 60, () -> false);
        String told = assertThrows(IOException.class, () -> deep.of(answer("ab".repeat(1_000_000))))
                .getMessage();
        assertTrue(String.valueOf(told).contains("the pattern (a|b)*c goes deeper"), told);
    }
}
