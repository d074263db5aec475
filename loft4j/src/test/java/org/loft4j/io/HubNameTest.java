package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;

class HubNameTest {
    @ParameterizedTest
    @CsvSource({
        "HuggingFaceTB/SmolLM2-135M, HuggingFaceTB/SmolLM2-135M, main, models--HuggingFaceTB--SmolLM2-135M",
        "org/name@v1.0, org/name, v1.0, models--org--name",
        "org/name@refs/pr/3, org/name, refs/pr/3, models--org--name",
        "gpt2, gpt2, main, models--gpt2",
    })
    void aNameHasARepositoryAndARevision(String text, String repository, String revision, String folder) {
        HubName name = Objects.requireNonNull(HubName.find(text));
        assertEquals(repository, name.repository());
        assertEquals(revision, name.revision());
        assertEquals(folder, name.folder());
        assertEquals(text, name.toString());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "/",
                "a/",
                "/a",
                "a/b/c",
                "./a",
                "../a",
                "a/..",
                "a/.b",
                "~/a",
                "a\\b",
                "a b/c",
                "a--b/c",
                "a/b.git",
                "a/b@",
                "a/b@../x",
                "a/b@x/../y",
                "a/b@/x",
                "a/b@x/",
                "a/b@x//y",
                "a/b@x y",
                "a/b@.x",
                "a/b@x/.y"
            })
    void whatCouldLeadElsewhereIsNoName(String text) {
        assertNull(HubName.find(text));
    }

    @Test
    void aNameThatIsMadeIsChecked() {
        assertThrows(ConfigException.class, () -> new HubName("../x", "main"));
        assertThrows(ConfigException.class, () -> new HubName("a/b", ".."));
        assertFalse(new HubName("gpt2", "main").hasOrganisation());
    }
}
