#!/usr/bin/env python3
"""deploy/: the settings in it have no findings, and the manifests have only fields that are known and fit each other.

The fields were held against the schemas of Kubernetes 1.3x and of the Compose specification when they were written; what
is new here has to be looked up there, and added.
"""
import re
import unittest

from blackbox import ROOT, folder_for, run

try:
    import yaml
except ImportError:
    yaml = None

LABELS = {str: str}
SELECTOR = {"matchLabels": LABELS}
META = {"name": str, "labels": LABELS}
PROBE = {"httpGet": {"path": str, "port": str}, "periodSeconds": int, "failureThreshold": int}
CONTAINER = {
    "name": str, "image": str, "imagePullPolicy": str, "ports": [{"name": str, "containerPort": int, "protocol": str}],
    "readinessProbe": PROBE, "livenessProbe": PROBE,
    "resources": {"requests": {"cpu": str, "memory": str}, "limits": {"memory": str}},
    "securityContext": {"allowPrivilegeEscalation": bool, "readOnlyRootFilesystem": bool, "capabilities": {"drop": [str]}},
    "volumeMounts": [{"name": str, "mountPath": str, "readOnly": bool}],
}
POD = {
    "automountServiceAccountToken": bool, "terminationGracePeriodSeconds": int,
    "securityContext": {"runAsNonRoot": bool, "runAsUser": int, "runAsGroup": int, "fsGroup": int, "seccompProfile": {"type": str}},
    "topologySpreadConstraints": [
        {"maxSkew": int, "topologyKey": str, "whenUnsatisfiable": str, "labelSelector": SELECTOR}],
    "containers": [CONTAINER],
    "volumes": [{"name": str, "configMap": {"name": str}, "secret": {"secretName": str, "defaultMode": int}}],
}
KINDS = {
    "ConfigMap": ("v1", {"data": LABELS}),
    "Deployment": ("apps/v1", {"spec": {
        "replicas": int, "selector": SELECTOR, "strategy": {"rollingUpdate": {"maxUnavailable": int, "maxSurge": int}},
        "template": {"metadata": {"labels": LABELS}, "spec": POD}}}),
    "Service": ("v1", {"spec": {
        "type": str, "externalTrafficPolicy": str, "selector": LABELS,
        "ports": [{"name": str, "port": int, "targetPort": str, "protocol": str}]}}),
    "PodDisruptionBudget": ("policy/v1", {"spec": {"minAvailable": int, "selector": SELECTOR}}),
}
COMPOSE = {"services": {"signpost": {
    "image": str, "build": str, "ports": [str], "volumes": [str], "read_only": bool, "cap_drop": [str], "security_opt": [str],
    "restart": str, "stop_grace_period": str, "ulimits": {"nofile": int}, "logging": {"driver": str, "options": LABELS}}}}


def misfits(value, shape, at=""):
    """What does not fit: places of fields that are not known, or are of another type."""
    if isinstance(shape, type):
        return [] if type(value) is shape else [at]
    if isinstance(shape, list):
        return [bad for i, v in enumerate(value) for bad in misfits(v, shape[0], f"{at}[{i}]")] if isinstance(value, list) else [at]
    if not isinstance(value, dict):
        return [at]
    return [bad for key, v in value.items()
            for bad in misfits(v, shape.get(key, shape.get(str, type(None))), f"{at}.{key}")]


def seconds(text):
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


@unittest.skipUnless(yaml, "python3-yaml is not installed")
class Kubernetes(unittest.TestCase):
    def setUp(self):
        documents = yaml.safe_load_all((ROOT / "deploy/kubernetes/signpost.yaml").read_text())
        self.kinds = {document["kind"]: document for document in documents}
        self.pod = self.kinds["Deployment"]["spec"]["template"]["spec"]
        self.container = self.pod["containers"][0]
        self.settings = yaml.safe_load(self.kinds["ConfigMap"]["data"]["signpost.yaml"])

    def test_fields_are_known(self):
        self.assertEqual(set(self.kinds), set(KINDS))
        for kind, (version, shape) in KINDS.items():
            self.assertEqual(misfits(self.kinds[kind], {"apiVersion": str, "kind": str, "metadata": META, **shape}, kind), [])
            self.assertEqual(self.kinds[kind]["apiVersion"], version)
            self.assertEqual(self.kinds[kind]["metadata"]["name"], "signpost")

    def test_what_is_selected_is_there(self):
        labels = self.kinds["Deployment"]["spec"]["template"]["metadata"]["labels"]
        self.assertEqual([self.kinds["Deployment"]["spec"]["selector"]["matchLabels"], self.kinds["Service"]["spec"]["selector"],
                          self.kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]], [labels] * 3)
        ports = {port["name"]: (port["containerPort"], port["protocol"]) for port in self.container["ports"]}
        self.assertEqual({(p["targetPort"], p["port"], p["protocol"]) for p in self.kinds["Service"]["spec"]["ports"]},
                         {("sip-udp", 5060, "UDP"), ("sip-tcp", 5060, "TCP")})
        listens = self.settings["profiles"]["default"]["listen"]
        self.assertEqual({f"{p.lower()}:0.0.0.0:{n}" for n, p in (ports["sip-udp"], ports["sip-tcp"])}, set(listens))
        self.assertEqual(self.settings["metrics"]["listen"], f"0.0.0.0:{ports['metrics'][0]}")
        self.assertEqual({v["name"] for v in self.pod["volumes"]}, {v["name"] for v in self.container["volumeMounts"]})

    def test_what_the_image_wants(self):
        user = int(re.search(r"(?m)^USER (\d+):\1$", (ROOT / "Dockerfile").read_text())[1])
        security = self.pod["securityContext"]
        self.assertEqual([security[key] for key in ("runAsUser", "runAsGroup", "fsGroup")], [user] * 3)
        secret = next(v["secret"] for v in self.pod["volumes"] if "secret" in v)
        self.assertEqual(secret["defaultMode"], 0o440, "for the group, and not for everybody")
        self.assertGreater(self.pod["terminationGracePeriodSeconds"], seconds(self.settings["drain"]))

    def test_the_probes_are_answered(self):
        """The paths are those of the server's own tests."""
        paths = [self.container[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe")]
        self.assertEqual(paths, ["/readyz", "/livez"])
        served = "".join(path.read_text() for path in ROOT.glob("server/operations/*.c"))
        for path in paths:
            self.assertIn(f'"{path}"', served)

    def test_the_settings_have_no_findings(self):
        folder = folder_for(self)
        for name, text in self.kinds["ConfigMap"]["data"].items():
            (folder / name).write_text(text.replace("/run/secrets/signpost/", ""))
        (folder / "secret.key").write_bytes(b"x" * 44)
        (folder / "secret.key").chmod(0o440)
        done = run("check", "-c", "signpost.yaml", cwd=folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        # The probes come from outside of the pod.
        self.assertRegex(done.stderr, r"\A(signpost.yaml:\d+:\d+: warning: metrics on 0.0.0.0:9090 can be read by all .*\n  hint: .*\n)?\Z")


@unittest.skipUnless(yaml, "python3-yaml is not installed")
class Compose(unittest.TestCase):
    def test_fields_are_known(self):
        document = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text())
        self.assertEqual(misfits(document, COMPOSE, "compose"), [])
        service = document["services"]["signpost"]
        self.assertEqual((ROOT / "deploy/compose" / service["build"] / "Dockerfile").exists(), True)
        self.assertGreater(seconds(service["stop_grace_period"]), 5)


class Package(unittest.TestCase):
    def test_the_settings_have_no_findings(self):
        folder = folder_for(self)
        for name in ("signpost.yaml", "rules.yaml"):
            text = (ROOT / "deploy/debian" / name).read_text()
            (folder / name).write_text(text.replace("user: signpost\n", ""))  # who is there once it is installed
        (folder / "secret.key").write_bytes(b"x" * 44)
        (folder / "secret.key").chmod(0o640)
        done = run("check", "-c", "signpost.yaml", cwd=folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
