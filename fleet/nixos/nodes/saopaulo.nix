# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "saopaulo";
    pushTokenFile = "/etc/clavitor/environment";
    region = "sa-east-1";
    subdomain = "saopaulo";
    tunnelAddress = "10.84.0.15";
  };
}
