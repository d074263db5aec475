package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.junit.jupiter.api.Test;

class ProxyAdviceTest {
    private static final String COMMON = "check the connection, and the proxy where there is one";

    @Test
    void aProxyOfTheEnvironmentIsNamedAsJavaTakesIt() {
        assertEquals(
                "Java does not read HTTPS_PROXY: name the proxy in"
                        + " LOFT_JAVA_OPTS=\"-Dhttps.proxyHost=proxy.example -Dhttps.proxyPort=3128\"",
                ProxyAdvice.of(Map.of("HTTPS_PROXY", "http://ann:secret@proxy.example:3128/"), null));
        assertTrue(ProxyAdvice.of(Map.of("https_proxy", "proxy.example:8080"), null)
                .endsWith("=\"-Dhttps.proxyHost=proxy.example -Dhttps.proxyPort=8080\""));
        assertTrue(ProxyAdvice.of(Map.of("ALL_PROXY", "http://proxy.example"), null)
                .endsWith("=\"-Dhttps.proxyHost=proxy.example -Dhttps.proxyPort=80\""));
        assertTrue(ProxyAdvice.of(Map.of("HTTPS_PROXY", "http://my proxy"), null)
                .endsWith("=\"-Dhttps.proxyHost=HOST -Dhttps.proxyPort=PORT\""));
        assertEquals(COMMON, ProxyAdvice.of(Map.of("HTTPS_PROXY", " "), null));
        assertEquals(COMMON, ProxyAdvice.of(Map.of("HTTPS_PROXY", "http://proxy.example:3128"), "proxy.example"));
    }
}
