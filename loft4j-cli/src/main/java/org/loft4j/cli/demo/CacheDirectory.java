package org.loft4j.cli.demo;

import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.UserHome;

/** Where files are kept that can be made or fetched again. */
public final class CacheDirectory {
    private CacheDirectory() {}

    /**
     * {@code $LOFT_CACHE}, else {@code $XDG_CACHE_HOME/loft4j}, else {@code %LOCALAPPDATA%\loft4j} on Windows, else
     * {@code ~/.cache/loft4j}.
     */
    public static Path ofUser() {
        return resolve(System.getenv(), System.getProperty("os.name", ""), UserHome.get());
    }

    static Path resolve(Map<String, String> environment, String osName, Path home) {
        String own = set(environment, "LOFT_CACHE");
        if (own != null) {
            return Path.of(own);
        }
        String xdg = set(environment, "XDG_CACHE_HOME");
        if (xdg != null && Path.of(xdg).isAbsolute()) {
            return Path.of(xdg, "loft4j");
        }
        String local = osName.startsWith("Windows") ? set(environment, "LOCALAPPDATA") : null;
        return local != null ? Path.of(local, "loft4j") : home.resolve(".cache").resolve("loft4j");
    }

    private static @Nullable String set(Map<String, String> environment, String name) {
        String value = environment.get(name);
        return value == null || value.isBlank() ? null : value;
    }
}
