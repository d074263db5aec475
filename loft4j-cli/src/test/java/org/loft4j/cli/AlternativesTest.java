package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AlternativesTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "train | validation_file: v.csv | --eval-share 0.1 | validation_file | eval_share",
                "train | eval_share: 0.1 | --eval-data v.csv | eval_share | validation_file",
                "train | overwrite: true | --resume | overwrite | resume_from_checkpoint",
                "train | resume_from_checkpoint: true | --overwrite | resume_from_checkpoint | overwrite",
                "predict | test_file: t.csv | --text one | test_file | text",
                "predict | test_file: t.csv | --image a.png | test_file | image",
                "predict | text: [one, two] | --data t.csv | text | test_file",
                "generate | test_file: t.csv | --text one | test_file | text",
                "generate | text: [one, two] | --data t.csv | text | test_file",
                "train | reward_weights: 1,2 | --reward exact | reward_weights | reward",
                "train | format: text | --reward exact | format | reward",
                "train | reward: exact | --format text | reward | format",
                "eval | reward_weights: 1,2 | --format text | reward_weights | format",
                "compare | learning_rate: 3e-4 | --learning-rates 1e-3,3e-3 | learning_rate | learning_rates",
                "compare | learning_rates: 1e-3,3e-3 | --learning-rate 3e-4 | learning_rates | learning_rate",
            })
    void whatTheCallGivesTakesThePlaceOfWhatTheFileGives(
            String verb, String line, String words, String aside, String given) throws IOException {
        JsonNode settings = settings(verb, line, words);
        assertEquals("default", settings.at("/" + aside + "/origin").asText(), aside);
        assertEquals("option", settings.at("/" + given + "/origin").asText(), given);
        Captured call = Captured.loft(call(verb, line, words));
        assertEquals(2, call.status(), "others are missing");
        assertFalse(call.err().contains("exclude"), call.err());
        assertFalse(call.err().contains("either --text"), call.err());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "train | validation_file: v.csv | --eval-share 0 | validation_file",
                "compare | learning_rate: 3e-4 | --learning-rates lora=1e-3,3e-3 | learning_rate",
                "compare | learning_rates: lora=1e-3 | --learning-rate 3e-4 | learning_rates",
                "compare | learning_rates: [1e-3, loft=5e-4] | --learning-rate 3e-4 | learning_rates",
                "train | train_file: t.csv | --eval-data v.csv | train_file",
                "train | reward: exact | --format reward | reward",
                "train | reward: exact | --format auto | reward",
                "eval | reward: exact | --reward-weights 2 | reward",
            })
    void whatGoesWithItStays(String verb, String line, String words, String kept) throws IOException {
        assertEquals(
                "file", settings(verb, line, words).at("/" + kept + "/origin").asText());
    }

    @Test
    void twoThatTheCallItselfGivesAreStillTooMany() {
        String err = Captured.loft("train", "--resume", "--overwrite").err();
        assertTrue(err.contains("--resume and --overwrite exclude each other"), err);
    }

    @Test
    void rowsToCheckTakeThePlaceOfThoseOfAFile() throws IOException {
        Path file = write("train_file: t.csv\n");
        String err = Captured.loft("data", "check", "none.csv", "--config", file.toString())
                .err();
        assertFalse(err.contains("not both"), err);
        assertTrue(err.contains("none.csv: there is no such file"), err);
        err = Captured.loft("data", "check", "none.csv", "--data", "t.csv").err();
        assertTrue(err.contains("not both"), err);
    }

    @Test
    void aSwitchOfAFileIsTakenBack() throws IOException {
        String[] packed = call("train", "streaming: true", "--packing examples");
        assertTrue(Captured.loft(packed).err().contains("--packing and --streaming exclude each other"));
        String[] whole = call("train", "streaming: true", "--packing examples --no-streaming");
        String err = Captured.loft(whole).err();
        assertTrue(err.contains("Missing required option"), err);
        assertFalse(err.contains("exclude each other"), err);
    }

    @Test
    void aPathToInspectTakesThePlaceOfTheRowsOfAFile() throws IOException {
        Path file = write("train_file: t.csv\nmodel_name_or_path: some/model\n");
        String err =
                Captured.loft("inspect", "none", "--config", file.toString()).err();
        assertFalse(err.contains("takes no PATH"), err);
        err = Captured.loft("inspect", "none", "--data", "t.csv", "--model", "m")
                .err();
        assertTrue(err.contains("takes no PATH"), err);
    }

    private Path write(String yaml) throws IOException {
        return Files.writeString(directory.resolve("run.yaml"), yaml);
    }

    private String[] call(String verb, String line, String words) throws IOException {
        List<String> call =
                new ArrayList<>(List.of(verb, "--config", write(line + "\n").toString()));
        call.addAll(List.of(words.split(" ")));
        return call.toArray(String[]::new);
    }

    private JsonNode settings(String verb, String line, String words) throws IOException {
        List<String> call = new ArrayList<>(List.of("config"));
        call.addAll(List.of(call(verb, line, words)));
        call.add("--json");
        Captured told = Captured.loft(call.toArray(String[]::new));
        assertEquals(0, told.status(), told.err());
        return new ObjectMapper().readTree(told.out());
    }
}
