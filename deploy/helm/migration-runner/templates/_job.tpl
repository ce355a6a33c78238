{{/* What all Jobs have in common. */}}

{{/* After these exit codes a retry would not help: docs/exit-codes.md.
     (dict "action" "FailJob" "containers" NAMES) */}}
{{- define "migration-runner.failurePolicy" -}}
rules:
  # The pod's node was lost: this does not count as a failure.
  - action: Ignore
    onPodConditions:
      - type: DisruptionTarget
  {{- range .containers }}
  - action: {{ $.action }}
    onExitCodes:
      containerName: {{ . }}
      operator: In
      values: [1, 4, 64, 65, 70, 77, 78]
  {{- end }}
{{- end }}

{{/* (dict "root" $ "name" NAME "component" COMPONENT "step" N) */}}
{{- define "migration-runner.jobMetadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "migration-runner.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
{{- with include "migration-runner.order" . }}
annotations:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{/* (dict "root" $ "component" COMPONENT "init" CONTAINER "container" CONTAINER) */}}
{{- define "migration-runner.podTemplate" -}}
{{- $values := .root.Values -}}
metadata:
  labels:
    {{- include "migration-runner.selector" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  {{- with $values.serviceAccountName }}
  serviceAccountName: {{ . }}
  {{- end }}
  # Otherwise a service called `migrate` would set MIGRATE_ variables.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    fsGroup: 65532
    seccompProfile:
      type: RuntimeDefault
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .init }}
  initContainers:
    - {{ . | indent 6 | trim }}
  {{- end }}
  containers:
    - {{ .container | indent 6 | trim }}
  {{- $database := $values.database.secret }}
  {{- $targets := include "migration-runner.targetsVolume" .root }}
  {{- if or $database $targets $values.volumes }}
  volumes:
    {{- if $database }}
    - {{ include "migration-runner.databaseVolume" (dict "root" .root "mode" "0440") | indent 6 | trim }}
    {{- end }}
    {{- with $targets }}
    - {{ . | indent 6 | trim }}
    {{- end }}
    {{- with $values.volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
