-- The health of a Run for Argo CD: its state, in Argo CD's words. Set as resource.customizations.health.run-operator.io_Run.
local health = {}
local status = obj.status or {}
local state = status.state or "CREATED"
health.message = status.message or state
if status.observedGeneration ~= nil and status.observedGeneration < obj.metadata.generation then
  health.status = "Progressing"
  health.message = "the latest change is not looked at yet"
elseif state == "COMPLETED" then
  health.status = "Healthy"
elseif state == "ERROR" then
  health.status = "Degraded"
elseif state == "STOPPED" then
  health.status = "Suspended"
elseif state == "RUNNING" then
  health.status = "Healthy"
  for _, condition in ipairs(status.conditions or {}) do
    if condition.type == "Running" and condition.reason == "Degraded" then
      health.status = "Degraded"
    end
  end
else
  health.status = "Progressing"
end
return health
