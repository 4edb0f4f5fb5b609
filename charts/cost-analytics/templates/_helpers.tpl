{{/* Names, labels and the parts that all pods share. */}}

{{- define "cost-analytics.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "cost-analytics.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .process }}
{{- end }}

{{- define "cost-analytics.labels" -}}
{{ include "cost-analytics.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "cost-analytics.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "cost-analytics.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "cost-analytics.name" .) }}
{{- end }}

{{/* The address of a login, whose password is in a file. */}}
{{- define "cost-analytics.databaseUrl" -}}
{{- with .root.Values.database -}}
postgresql://{{ $.login }}@{{ .host }}:{{ .port }}/{{ .name }}{{ with .parameters }}?{{ . }}{{ end }}
{{- end }}
{{- end }}

{{/* Environment variables: settings by name, and the files of the mounted keys. */}}
{{- define "cost-analytics.env" -}}
{{- range $name, $value := .settings }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- range splitList "," (include "cost-analytics.keys" .) }}
- name: {{ upper . }}_FILE
  value: /run/secrets/{{ . }}
{{- end }}
{{- end }}

{{- define "cost-analytics.kafkaSettings" -}}
KAFKA_BOOTSTRAP_SERVERS: {{ .Values.kafka.bootstrapServers | quote }}
KAFKA_TOPIC_PARTITIONS: {{ .Values.kafka.partitions | quote }}
KAFKA_TOPIC_REPLICATION: {{ .Values.kafka.replication | quote }}
{{- range $name, $value := .Values.kafka.settings }}
{{ $name }}: {{ $value | toString | quote }}
{{- end }}
{{- end }}

{{/* Keys of the secret that every process with Kafka needs beside its own. */}}
{{- define "cost-analytics.kafkaKeys" -}}
{{- if hasPrefix "SASL" (toString (index .Values.kafka.settings "KAFKA_SECURITY_PROTOCOL")) }}kafka_sasl_password{{ end }}
{{- end }}

{{/* What all pods share: account, security, placement. */}}
{{- define "cost-analytics.pod" -}}
{{- if not .account }}
serviceAccountName: {{ include "cost-analytics.serviceAccount" .root }}
{{- end }}
automountServiceAccountToken: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- if .root.Values.topologyKeys }}
topologySpreadConstraints:
  {{- range .root.Values.topologyKeys }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{ include "cost-analytics.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What all containers share. */}}
{{- define "cost-analytics.container" -}}
image: {{ include "cost-analytics.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* The keys of the secret that a process needs: its own, and those of the optional ones that exist. */}}
{{- define "cost-analytics.keys" -}}
{{- $keys := compact .keys }}
{{- range .optional }}
{{- if has . $.root.Values.secret.optionalKeys }}{{ $keys = append $keys . }}{{ end }}
{{- end }}
{{- join "," $keys }}
{{- end }}

{{/* The mounted keys of the secret. */}}
{{- define "cost-analytics.secrets" -}}
- name: secrets
  secret:
    secretName: {{ .root.Values.secret.name }}
    defaultMode: 0440
    items:
      {{- range splitList "," (include "cost-analytics.keys" .) }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}

{{/*
A Deployment and its PodDisruptionBudget. Takes root, process, values, login, keys, optional, settings
(of this process, by name), ports (by name) and probes (of the container, YAML).
*/}}
{{- define "cost-analytics.deployment" -}}
{{- $name := printf "%s-%s" (include "cost-analytics.name" .root) .process }}
{{- $keys := append .keys (include "cost-analytics.kafkaKeys" .root) }}
{{- $kafka := include "cost-analytics.kafkaSettings" .root | fromYaml }}
{{- $address := dict "DATABASE_URL" (include "cost-analytics.databaseUrl" (dict "root" .root "login" (printf "%s%s" .root.Values.database.loginPrefix .login))) }}
{{- $settings := mergeOverwrite (dict) $kafka $address .settings .root.Values.settings .values.settings }}
{{- $secrets := dict "root" .root "keys" $keys "optional" .optional "settings" $settings }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{ include "cost-analytics.labels" . | nindent 4 }}
spec:
  {{- if not .isScaled }}
  replicas: {{ .values.replicas }}
  {{- end }}
  strategy:
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  selector:
    matchLabels: {{ include "cost-analytics.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "cost-analytics.labels" . | nindent 8 }}
        {{- with .root.Values.podLabels }}{{ toYaml . | nindent 8 }}{{ end }}
      {{- with .root.Values.podAnnotations }}
      annotations: {{ toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- include "cost-analytics.pod" . | nindent 6 }}
      terminationGracePeriodSeconds: {{ .values.terminationSeconds }}
      containers:
        - name: {{ .process }}
          {{- include "cost-analytics.container" . | nindent 10 }}
          args: [{{ .process }}]
          env: {{ include "cost-analytics.env" $secrets | nindent 12 }}
          {{- with .ports }}
          ports:
            {{- range $port, $number := . }}
            - {name: {{ $port }}, containerPort: {{ $number }}}
            {{- end }}
          {{- end }}
          {{- .probes | nindent 10 }}
          resources: {{ toYaml .values.resources | nindent 12 }}
          volumeMounts:
            - {name: secrets, mountPath: /run/secrets, readOnly: true}
            - {name: temporary, mountPath: /tmp}
      volumes:
        {{- include "cost-analytics.secrets" $secrets | nindent 8 }}
        - name: temporary
          emptyDir: {sizeLimit: 64Mi}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{ include "cost-analytics.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .values.maxUnavailable }}
  selector:
    matchLabels: {{ include "cost-analytics.selector" . | nindent 6 }}
{{- end }}

{{/* Peers of a NetworkPolicy: only addresses outside of private networks. */}}
{{- define "cost-analytics.outside" -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except: [10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
- ipBlock:
    cidr: ::/0
    except: [fc00::/7, fe80::/10]
{{- end }}

{{/* Probes of the processes without HTTP. */}}
{{- define "cost-analytics.processProbes" -}}
# A process that is stuck ends by itself; the port shows that it started.
startupProbe:
  tcpSocket: {port: metrics}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  tcpSocket: {port: metrics}
  periodSeconds: 20
  failureThreshold: 3
{{- end }}
