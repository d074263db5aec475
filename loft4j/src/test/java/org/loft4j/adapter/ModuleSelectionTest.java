package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.Logged;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;

class ModuleSelectionTest {
    @Test
    void aRankAboveTheSmallerSideIsWarnedOf() {
        try (Logged log = new Logged(ModuleSelection.class);
                Model model = new TinyModel(Task.CAUSAL_LM, Dtype.F32, false, 5)) {
            int side = Math.min(TinyModel.HIDDEN, TinyModel.INNER);
            LoraAdapter.create(model, LoraConfig.of(side, 4, TargetModules.allLinear()), 1)
                    .close();
            assertEquals(List.of(), log.messages());
            for (int i = 0; i < 2; i++) {
                LoraAdapter.create(model, LoraConfig.of(side + 1, 4, TargetModules.allLinear()), 1)
                        .close();
            }
            assertEquals(1, log.messages().size(), "once");
            String said = log.messages().get(0);
            assertTrue(said.startsWith("4 of 4 layers have a rank above their smaller side, such as"), said);
            assertTrue(said.contains(": " + (side + 1) + " of "), said);
        }
    }

    /** RoBERTa's head has a layer of the name that layers of its blocks have; Qwen's has not. */
    @ParameterizedTest
    @CsvSource({"roberta_cls, classifier, classifier.dense", "qwen2_cls, score, ''"})
    void theNamesThatAreWrittenMeanNoLayerOfAModuleSavedInFull(String fixture, String head, String alike)
            throws IOException {
        try (Model model = Models.open(Fixture.directory(fixture), ModelOptions.of(Task.SEQUENCE_CLASSIFICATION))) {
            LoraConfig config = LoraConfig.of(2, 4, TargetModules.allLinear()).alsoSaving(head);
            TargetModules written = ModuleSelection.written(model, config);
            List<String> selected =
                    List.copyOf(ModuleSelection.select(model, config).keySet());
            assertEquals(
                    selected,
                    model.linears().keySet().stream().filter(written::matches).toList());
            boolean paths = ((TargetModules.Names) written).names().equals(selected);
            assertEquals(!alike.isEmpty(), paths, written.toString());
            assertEquals(!alike.isEmpty(), model.linears().containsKey(alike));
        }
    }
}
