package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;

/** What a config.json says of a classifier: what its outputs mean, and what they are read from. */
class ClassifierConfigTest {
    private static final Path BERT = Fixture.directory("bert_cls");
    private static final ModelOptions CLASSIFIER = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION);
    private static final ModelOptions LANGUAGE_MODEL = ModelOptions.of(Task.CAUSAL_LM);

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"bert_cls", "llama_gqa"})
    void aModelWithOneOutputGivesANumberAndIsABaseForAClassifier(String name) throws Exception {
        Path reranker = copy(Fixture.directory(name), json -> {
            json.putObject("id2label").put("0", "score");
            json.putArray("architectures").add("XForSequenceClassification");
        });
        assertTrue(Models.isRegression(reranker));
        assertFalse(Models.isRegression(Fixture.directory(name)));
        for (boolean read : new boolean[] {true, false}) {
            try (Model model = read ? Models.open(reranker, CLASSIFIER) : Models.initialise(reranker, CLASSIFIER)) {
                assertEquals(1, model.head().outFeatures());
                assertEquals(List.of("score"), model.description().labels());
                assertTrue(model.isRegression());
            }
        }
        try (Model model = Models.open(reranker, CLASSIFIER.withLabels(List.of("no", "yes")))) {
            assertEquals(2, model.head().outFeatures());
            assertFalse(model.isRegression());
        }
        Path other = copy(reranker, json -> json.put("problem_type", "multi_label_classification"));
        assertFalse(Models.isRegression(other), "the file says what it is for");
        ConfigException fault = assertThrows(ConfigException.class, () -> Models.open(other, CLASSIFIER));
        assertTrue(fault.getMessage().startsWith("problem_type must be regression, got"), fault::getMessage);
        assertEquals(64, Models.hiddenSize(reranker));
    }

    @ParameterizedTest
    @ValueSource(strings = {"bert_cls", "llama_gqa"})
    void aModelOfSeveralLabelsATextIsOpenedAsSuchAndIsABaseForOthersAndForOtherTasks(String name) throws Exception {
        Path several = copy(Fixture.directory(name), json -> {
            json.put("problem_type", "multi_label_classification");
            json.putArray("architectures").add("XForSequenceClassification");
        });
        assertTrue(Models.isMultiLabel(several));
        assertFalse(Models.isMultiLabel(Fixture.directory(name)));
        for (boolean read : new boolean[] {true, false}) {
            try (Model model = read ? Models.open(several, CLASSIFIER) : Models.initialise(several, CLASSIFIER)) {
                assertTrue(model.isMultiLabel());
                assertFalse(model.isRegression());
            }
        }
        try (Model own = Models.open(several, CLASSIFIER.withLabels(List.of("no", "yes")));
                Model words = Models.open(several, ModelOptions.of(Task.TOKEN_CLASSIFICATION))) {
            assertEquals(2, own.head().outFeatures());
            assertFalse(own.isMultiLabel() || words.isMultiLabel());
            assertEquals(Task.TOKEN_CLASSIFICATION, words.task());
        }
        if (name.equals("llama_gqa")) {
            Models.open(several, LANGUAGE_MODEL).close();
        }
        assertEquals(64, Models.hiddenSize(several));
    }

    @Test
    void poolingComesFromTheOptionsElseTheFileElseTheWeights() throws Exception {
        Path mean = copy(BERT, json -> json.put("classifier_pooling", "mean"));
        try (Model byFile = Models.open(mean, CLASSIFIER);
                Model byOption = Models.open(mean, CLASSIFIER.withPooling(Pooling.CLS));
                Model byWeights = Models.open(BERT, CLASSIFIER)) {
            assertEquals(Pooling.MEAN, byFile.description().pooling());
            assertEquals(Pooling.CLS, byOption.description().pooling());
            assertEquals(Pooling.POOLER, byWeights.description().pooling());
        }
    }

    private Path copy(Path from, Consumer<ObjectNode> change) throws IOException {
        return CheckpointCopy.of(folder, from, change, name -> name, Dtype.F32);
    }
}
