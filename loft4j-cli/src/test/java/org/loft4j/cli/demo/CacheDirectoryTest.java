package org.loft4j.cli.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CacheDirectoryTest {
    private static final Path HOME = Path.of("home").toAbsolutePath();
    private static final String ELSEWHERE =
            Path.of("elsewhere").toAbsolutePath().toString();

    @Test
    void takesTheFirstThatIsSet() {
        Map<String, String> all = Map.of("LOFT_CACHE", "own", "XDG_CACHE_HOME", ELSEWHERE, "LOCALAPPDATA", "local");
        assertEquals(Path.of("own"), CacheDirectory.resolve(all, "Linux", HOME));
        Map<String, String> xdg = Map.of("LOFT_CACHE", " ", "XDG_CACHE_HOME", ELSEWHERE, "LOCALAPPDATA", "local");
        assertEquals(Path.of(ELSEWHERE, "loft4j"), CacheDirectory.resolve(xdg, "Windows 11", HOME));
        Map<String, String> local = Map.of("LOCALAPPDATA", "local");
        assertEquals(Path.of("local", "loft4j"), CacheDirectory.resolve(local, "Windows 11", HOME));
        assertEquals(HOME.resolve(".cache/loft4j"), CacheDirectory.resolve(local, "Mac OS X", HOME));
    }

    @Test
    void ignoresARelativeXdgDirectoryAsItsSpecificationAsks() {
        Map<String, String> relative = Map.of("XDG_CACHE_HOME", "here");
        assertEquals(HOME.resolve(".cache/loft4j"), CacheDirectory.resolve(relative, "Linux", HOME));
    }
}
