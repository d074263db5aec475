package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.LabeledText;
import org.loft4j.data.Labels;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Tensors;

/** A trained head goes on telling apart what it was trained for. */
class LearntClassesTest {
    private static final List<String> NLI = List.of("CONTRADICTION", "NEUTRAL", "ENTAILMENT");

    @TempDir
    Path folder;

    private static LearntClasses of(List<String> model, String... own) throws IOException {
        return LearntClasses.of(
                Labels.of(Arrays.stream(own)
                        .map(name -> new LabeledText("a", name))
                        .toList()),
                List.of(),
                model);
    }

    private static void assertKept(List<String> model, String... own) throws IOException {
        LearntClasses classes = of(model, own);
        assertEquals(model, classes.labels().names());
        assertFalse(classes.anew());
    }

    @Test
    void decimalsAreNumbersBehindACommaToo() {
        String points = LearntClasses.numbers(List.of("0.5", "1"));
        assertTrue(points.endsWith("as 2 classes; --problem-type regression learns them as numbers"), points);
        String commas = LearntClasses.numbers(List.of("0,5", "1", "2.5"));
        assertTrue(
                commas.contains("write decimals with a point") && commas.contains("--label-separator \",\""), commas);
        assertEquals("", LearntClasses.numbers(List.of("1", "2")));
        assertEquals("", LearntClasses.numbers(List.of("1,2,3", "2")));
    }

    @Test
    void theModelsNamesStayWhateverTheirCase() throws IOException {
        assertKept(NLI, "contradiction", "entailment", "neutral");
        assertKept(List.of("positive", "negative", "neutral"), "Negative", "Neutral", "Positive");
        assertKept(NLI, "entailment", "contradiction");
        assertEquals("", of(NLI, "contradiction", "entailment", "neutral").told());
    }

    /** As a table has them that several people have filled in: nobody wants five classes for two. */
    @Test
    void labelsThatDifferByCaseAloneAreTold() throws IOException {
        String told = of(List.of(), "Yes", "no", "yes", "YES", "maybe").told();
        assertEquals(
                "the labels \"YES\", \"Yes\", \"yes\" differ by case, or by how an accent is written, alone, and each is learnt as one of its own: write them"
                        + " alike if they are one",
                told);
        assertEquals("", of(List.of(), "Yes", "no").told());
        assertEquals("", of(List.of("US", "us"), "US", "us").told(), "a model that has both means both");
    }

    @Test
    void numbersOfAllClassesAreTheModelsAndTold() throws IOException {
        assertKept(List.of("NEGATIVE", "POSITIVE"), "0", "1");
        assertEquals(
                "the labels \"0\", \"1\" are taken for the model's \"NEGATIVE\", \"POSITIVE\", by number",
                of(List.of("NEGATIVE", "POSITIVE"), "0", "1").told());
    }

    /** As those are that learnt from a file before its names were read. */
    @Test
    void aModelOfNumbersHasTheNamesThatTheDataGivesThem() throws IOException {
        Labels own = Labels.of(List.of(new LabeledText("a", "Sports"), new LabeledText("a", "World")));
        LearntClasses named = LearntClasses.of(own, List.of("World", "Sports"), List.of("0", "1"));
        assertEquals(List.of("World", "Sports"), named.labels().names());
        assertFalse(named.anew());
        assertTrue(LearntClasses.of(own, List.of(), List.of("0", "1")).anew());
        // a class of which there is no row stays one
        List<String> three = List.of("World", "Business", "Sports");
        List<String> unnamed = List.of("LABEL_0", "LABEL_1", "LABEL_2");
        assertEquals(three, LearntClasses.of(own, three, unnamed).labels().names());
        assertEquals(
                own.names(),
                LearntClasses.of(own, List.of("a", "b", "c"), unnamed).labels().names());
    }

    @Test
    void numbersOfOtherManyAreOtherClasses() throws IOException {
        LearntClasses classes = of(NLI, "0", "1");
        assertEquals(List.of("0", "1"), classes.labels().names());
        assertFalse(classes.anew(), "another number of classes is seen by the shape");
    }

    @Test
    void asManyOthersHaveALayerOfTheirOwn() throws IOException {
        LearntClasses classes = of(List.of("NEGATIVE", "POSITIVE"), "ham", "spam");
        assertEquals(List.of("ham", "spam"), classes.labels().names());
        assertTrue(classes.anew());
        assertTrue(classes.told().contains("\"NEGATIVE\", \"POSITIVE\""), classes.told());
        assertTrue(of(NLI, "1", "2", "3").anew());
        assertTrue(of(List.of("spam", "ham"), "Spam", "spam").anew(), "two of the data's are one of the model's");
    }

    @Test
    void whatHasNoNamesIsKept() throws IOException {
        LearntClasses classes = of(Models.unnamedLabels(2), "ham", "spam");
        assertEquals(List.of("ham", "spam"), classes.labels().names());
        assertFalse(classes.anew());
        assertEquals(
                List.of("ham", "spam"), of(List.of(), "ham", "spam").labels().names());
    }

    /** A model of the classes red and blue, trained for a step. */
    private Path trained() throws IOException {
        Path base = TinyModels.encoder(folder.resolve("base"));
        Path rows = TinyModels.colours(folder.resolve("rows.csv"), 20);
        Path output = folder.resolve("trained");
        Captured run = Captured.loft(
                "train",
                "--model",
                base.toString(),
                "--data",
                rows.toString(),
                "--method",
                "full",
                "--max-steps",
                "1",
                "--output",
                output.toString());
        assertEquals(0, run.status(), run.err());
        return output;
    }

    private static double[] classifier(Path directory, ModelOptions options) throws IOException {
        try (Model model = Models.open(directory, options)) {
            assertEquals(options.newClasses(), model.weights().created().contains("classifier.weight"));
            return Tensors.toDoubles(model.weights().get("classifier.weight"));
        }
    }

    @Test
    void aLayerForOtherClassesIsDrawnAnewAndTrained() throws IOException {
        Path model = trained();
        ModelOptions kept = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION);
        assertFalse(Arrays.equals(classifier(model, kept), classifier(model, kept.withNewClasses(true))));
        Path rows = folder.resolve("others.csv");
        Files.writeString(
                rows,
                Files.readString(folder.resolve("rows.csv"))
                        .replace(",red", ",ham")
                        .replace(",blue", ",spam"));
        Path output = folder.resolve("adapted");
        Captured run = Captured.loft(
                "train",
                "--model",
                model.toString(),
                "--data",
                rows.toString(),
                "--method",
                "lora",
                "--max-steps",
                "2",
                "--output",
                output.toString());
        assertEquals(0, run.status(), run.err());
        assertTrue(run.err().contains("starts from random numbers"), run.err());
        assertTrue(Files.readString(output.resolve("adapter_config.json")).contains("classifier"));
        Captured resumed =
                Captured.loft("train", "--config", output.resolve("config.yaml").toString(), "--resume");
        assertEquals(0, resumed.status(), resumed.err());
        Captured judged = Captured.loft(
                "eval", "--model", model.toString(), "--adapter", output.toString(), "--data", rows.toString());
        assertEquals(0, judged.status(), judged.err());
    }

    /** Names of the data are those of the model's classes only where there are as many. */
    @Test
    void fewerOrMoreNamesThanTheModelHasClassesNameNone() {
        List<String> unnamed = List.of("LABEL_0", "LABEL_1", "LABEL_2");
        assertEquals(List.of("a", "b", "c"), LearntClasses.named(unnamed, List.of("a", "b", "c")));
        assertEquals(List.of("a", "b", "c"), LearntClasses.named(List.of("0", "1", "2"), List.of("a", "b", "c")));
        assertEquals(unnamed, LearntClasses.named(unnamed, List.of("a", "b")));
        assertEquals(unnamed, LearntClasses.named(unnamed, List.of("a", "b", "c", "d")));
        assertEquals(unnamed, LearntClasses.named(unnamed, List.of()));
        List<String> named = List.of("x", "y", "z");
        assertEquals(named, LearntClasses.named(named, List.of("a", "b", "c")));
    }
}
