package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.train.MemoryEstimate;
import org.loft4j.train.MemoryPlan;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;

class BudgetTest {
    private static final DeviceSpec CUDA = new DeviceSpec(DeviceSpec.Kind.CUDA, 1);

    private static MemoryEstimate check(DeviceSpec device, long most) {
        return with(device, budget -> budget.check(most));
    }

    private static @Nullable String warning(DeviceSpec device, long machine) {
        return with(device, budget -> budget.warning(budget.check(Long.MAX_VALUE), machine));
    }

    private static <T> T with(DeviceSpec device, Function<Budget, T> asked) {
        return with(device, MemoryPlan.Rows.of(0), asked);
    }

    private static <T> T with(DeviceSpec device, MemoryPlan.Rows rows, Function<Budget, T> asked) {
        return with(device, new MemoryPlan.Load(8, 32, 0, 0), rows, asked);
    }

    private static <T> T with(
            DeviceSpec device, MemoryPlan.Load load, MemoryPlan.Rows rows, Function<Budget, T> asked) {
        TrainConfig.Builder config = TrainConfig.builder(Method.LOFT);
        MemoryPlan plan = new MemoryPlan(
                config.build(),
                LoraConfig.of(2, 4, TargetModules.allLinear()),
                LoadIn.FULL,
                load,
                new MemoryPlan.Attention(4, false, false),
                rows);
        try (Model shapes = LlamaModel.random(LlamaConfig.of(64, 96, 1, 4, 4, 160, 32), DeviceSpec.CPU, Dtype.F32, 1)) {
            return asked.apply(new Budget(device, shapes, plan, config, some -> ofSize(load, some)));
        }
    }

    /** The load, of batches of 8 rows or as many of an example, with batches of another size. */
    private static MemoryPlan.Load ofSize(MemoryPlan.Load load, TrainConfig some) {
        long evalRows = Math.min(load.evalRows(), load.rows() / 8 * some.evalBatchSize());
        return new MemoryPlan.Load(
                load.rows() * some.batchSize() / 8,
                load.columns(),
                evalRows,
                load.evalColumns(),
                load.cached() * some.batchSize() / 8);
    }

    private static String refusal(DeviceSpec device) {
        return String.valueOf(assertThrows(ConfigException.class, () -> check(device, 1_000_000))
                .getMessage());
    }

    /** The program alone takes 380 MB of the machine. */
    @Test
    void aDeviceIsHeldToWhatLiesThere() {
        MemoryEstimate there = check(CUDA, 100_000_000);
        assertEquals(0, there.program());
        assertEquals(0, there.copy());
        assertTrue(there.weights() > 0);
        assertThrows(ConfigException.class, () -> check(DeviceSpec.CPU, 100_000_000));
        assertTrue(check(DeviceSpec.CPU, 1_000_000_000).copy() > 0);
    }

    @Test
    void aRefusalSaysWhoseMemoryItIs() {
        String there = refusal(CUDA);
        assertTrue(there.contains(" on cuda:1: "), there);
        assertFalse(there.contains("program"), there);
        assertFalse(there.contains("--no-save-in-background"), there);
        String here = refusal(DeviceSpec.CPU);
        assertFalse(here.contains(" on "), here);
        assertTrue(here.contains("program"), here);
    }

    @Test
    void rowsThatCouldBeStreamedAreToldSo() {
        String said = with(
                DeviceSpec.CPU,
                new MemoryPlan.Rows(2_000_000_000, 10_000_000),
                budget -> String.valueOf(assertThrows(ConfigException.class, () -> budget.check(1_000_000_000))
                        .getMessage()));
        assertTrue(said.contains(": rows 2.0 GB, program 380.0 MB"), said);
        assertTrue(said.contains("; --streaming (→ 39"), said);
        assertFalse(refusal(DeviceSpec.CPU).contains("--streaming"), "there is nothing to gain");
    }

    @Test
    void aRunThatTheMachineHasNoMemoryForIsWarnedOf() {
        String warning = String.valueOf(warning(DeviceSpec.CPU, 100_000_000));
        assertTrue(warning.startsWith("the machine has 100.0 MB of memory, and this run needs about 38"), warning);
        assertTrue(warning.contains("\ntry --batch-size 1 --accumulate 8 (→ 38"), warning);
        assertTrue(warning.contains(", still too much)"), warning);
        assertNull(warning(DeviceSpec.CPU, 1_000_000_000));
        assertNull(warning(CUDA, 1), "the memory is the device's");
        assertTrue(Budget.ofMachine() > 100_000_000);
    }

    @Test
    void whatCanNeverFitIsRefused() {
        MemoryEstimate estimate = check(DeviceSpec.CPU, Long.MAX_VALUE);
        long least = estimate.adapter() + estimate.optimizer();
        String refusal = with(
                DeviceSpec.CPU,
                budget -> String.valueOf(
                        assertThrows(ConfigException.class, () -> budget.requireRoom(estimate, least - 1))
                                .getMessage()));
        assertTrue(refusal.endsWith(": give a lower --rank"), refusal);
        assertDoesNotThrow(() -> with(DeviceSpec.CPU, budget -> {
            budget.requireRoom(estimate, least);
            return least;
        }));
        assertDoesNotThrow(
                () -> with(CUDA, budget -> {
                    budget.requireRoom(estimate, 1);
                    return least;
                }),
                "the memory is the device's");
    }

    /** Two held-out rows are one pair, which no smaller batch of an evaluation parts. */
    @Test
    void aSmallerBatchOfPreferencesHoldsPairs() {
        String said = with(
                DeviceSpec.CPU,
                new MemoryPlan.Load(16, 32, 2, 32),
                MemoryPlan.Rows.of(0),
                budget -> String.valueOf(budget.warning(budget.check(Long.MAX_VALUE), 100_000_000)));
        assertTrue(said.contains("\ntry --batch-size 1 --accumulate 8 (→ 38"), said);
    }
}
